import type { Directory } from '../ports.ts';

/** A place where users are known. */
export interface Method {
  /** As the configuration and the log call it. */
  readonly name: string;
  /** Throws where nobody can tell. */
  ask(user: string, password: string): Promise<Verdict>;
}

/** `wrong`: the user is one of that place, and the password another. A place that does not tell the two apart says `unknown`. */
export type Verdict = 'right' | 'wrong' | 'unknown';

export interface SignInReport {
  signedIn(user: string, method: string): void;
  refused(user: string, methods: readonly string[]): void;
  /** A method could not tell, and others could. */
  passedOver(method: string, error: unknown): void;
}

/**
 * Several methods as one directory: they are asked in turn until one lets the user in, and one that cannot tell is passed over. If then nobody
 * lets the user in, its error is thrown, since it might have: unless another one knows the user, who has to know the password.
 */
export function createSignIn(methods: readonly Method[], report: SignInReport): Directory {
  const names = methods.map(({ name }) => name);
  return {
    async authenticate(user, password) {
      const { right, isKnown, failures } = await askInTurn(methods, user, password);
      const [failure] = failures;
      if (failure !== undefined && right === undefined && !isKnown) throw failure.error;
      for (const { method, error } of failures) report.passedOver(method, error);
      if (right === undefined) report.refused(user, names);
      else report.signedIn(user, right);
      return right !== undefined;
    },
  };
}

interface Answers {
  /** Which method lets the user in. */
  readonly right: string | undefined;
  /** Whether one knows the user by another password. */
  readonly isKnown: boolean;
  readonly failures: readonly { readonly method: string; readonly error: unknown }[];
}

async function askInTurn(methods: readonly Method[], user: string, password: string): Promise<Answers> {
  const failures: { method: string; error: unknown }[] = [];
  let isKnown = false;
  for (const { name, ask } of methods) {
    try {
      const verdict = await ask(user, password);
      if (verdict === 'right') return { right: name, isKnown: true, failures };
      isKnown ||= verdict === 'wrong';
    } catch (error) {
      failures.push({ method: name, error });
    }
  }
  return { right: undefined, isKnown, failures };
}
