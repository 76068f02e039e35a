import type { Directory, Principal } from '../ports.ts';

/** One source of accounts. */
export interface SignInMethod {
  /** As the configuration and the log call it. */
  readonly name: string;
  /** Throws if no answer is available. */
  check(user: string, password: string): Promise<Verdict>;
}

/** `wrong`: the method knows the user, and the password is wrong. A method that cannot tell this from an unknown user returns `unknown`. */
export type Verdict = Principal | 'wrong' | 'unknown';

export interface SignInReport {
  signedIn(user: string, method: string): void;
  refused(user: string, methods: readonly string[]): void;
  /** A method failed, and the other methods gave an answer. */
  methodFailed(method: string, error: unknown): void;
}

/**
 * Combines several methods into one directory. They are asked in turn until one accepts the user; a method that fails is skipped. If a method has
 * failed, and no other method accepts or knows the user, its error is thrown: that method might have accepted the user.
 */
export function createSignIn(methods: readonly SignInMethod[], report: SignInReport): Directory {
  const names = methods.map(({ name }) => name);
  return {
    async authenticate(user, password) {
      const { signedIn, isKnown, failures } = await askInTurn(methods, user, password);
      const [failure] = failures;
      if (failure !== undefined && signedIn === undefined && !isKnown) throw failure.error;
      for (const { method, error } of failures) report.methodFailed(method, error);
      if (signedIn === undefined) report.refused(user, names);
      else report.signedIn(user, signedIn.method);
      return signedIn?.principal;
    },
  };
}

interface Answers {
  readonly signedIn: { readonly principal: Principal; readonly method: string } | undefined;
  /** Whether a method knows the user, with another password. */
  readonly isKnown: boolean;
  readonly failures: readonly { readonly method: string; readonly error: unknown }[];
}

async function askInTurn(methods: readonly SignInMethod[], user: string, password: string): Promise<Answers> {
  const failures: { method: string; error: unknown }[] = [];
  let isKnown = false;
  for (const { name, check } of methods) {
    try {
      const verdict = await check(user, password);
      if (typeof verdict === 'object') return { signedIn: { principal: verdict, method: name }, isKnown, failures };
      isKnown ||= verdict === 'wrong';
    } catch (error) {
      failures.push({ method: name, error });
    }
  }
  return { signedIn: undefined, isKnown, failures };
}
