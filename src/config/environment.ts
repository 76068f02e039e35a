import { readFileSync } from 'node:fs';
import type { Setting, Source } from './config-file.ts';
import { closest, type Problem } from './problem.ts';
import { reasonOf } from './readers/certificates.ts';
import { SECTIONS } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** The prefix of all our variables. */
export const VARIABLE_PREFIX = 'GITLAB_REGISTRY_USAGE_REST_';

/** Returns the variable that sets a key. For a secret, the same name plus `_FILE` names a file that contains the secret. */
export function variableOf(section: string, key: string): string {
  return `${VARIABLE_PREFIX}${section}_${key}`.toUpperCase();
}

/** Reads the settings of the environment, without interpolation. An empty variable sets an empty value. */
export function readEnvironment(env: Environment): Source {
  const settings = new Map<string, Setting>();
  const problems: Problem[] = [];
  const variables = knownVariables();
  for (const [variable, text] of Object.entries(env).sort()) {
    if (!variable.startsWith(VARIABLE_PREFIX) || text === undefined) continue;
    const known = variables.get(variable);
    if (known === undefined)
      problems.push(...(isOfKubernetes(variable, text) ? [] : unknownVariable(variable, variables)));
    else if (!known.isFile) settings.set(known.setting, { text, place: variable });
    else if (env[variable.replace(/_FILE$/, '')] !== undefined) problems.push({ place: variable, message: SET_TWICE });
    else settings.set(known.setting, { text: secretIn(text, variable, problems), place: variable });
  }
  return { settings, problems };
}

const SET_TWICE = 'the variable without _FILE is set as well; keep one of them';

interface Variable {
  /** `section.key` */
  readonly setting: string;
  readonly isFile: boolean;
}

function knownVariables(): ReadonlyMap<string, Variable> {
  const variables = new Map<string, Variable>();
  for (const [section, { keys }] of SECTIONS) {
    for (const [name, { isSecret }] of Object.entries(keys)) {
      const setting = `${section}.${name}`;
      variables.set(variableOf(section, name), { setting, isFile: false });
      if (isSecret) variables.set(`${variableOf(section, name)}_FILE`, { setting, isFile: true });
    }
  }
  return variables;
}

/**
 * Kubernetes sets variables in every container for each Service of the namespace. They begin with the name of the Service, which may be our name or
 * begin with it (Kubernetes, "Accessing the Service", environment variables).
 */
const OF_KUBERNETES = /^(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_[A-Z]+(?:_PROTO|_PORT|_ADDR)?)$/;
/** One of those variables can have the name of a key, but its value is never valid for that key. */
const URL_OF_KUBERNETES = /^(?:tcp|udp|sctp):\/\/[\d.:[\]a-f]+$/;

function isOfKubernetes(variable: string, text: string): boolean {
  const name = variable.slice(VARIABLE_PREFIX.length);
  return OF_KUBERNETES.test(name) || (/(?:^|_)PORT$/.test(name) && URL_OF_KUBERNETES.test(text));
}

/** Returns a problem if the variable was probably meant to set a key. Other variables with our prefix are ignored, such as an image version. */
function unknownVariable(variable: string, known: ReadonlyMap<string, Variable>): readonly Problem[] {
  const name = variable.slice(VARIABLE_PREFIX.length);
  const withSection = [...SECTIONS.keys()].map((section) => variableOf(section, name));
  const meant = closest(variable, known.keys()) ?? withSection.find((candidate) => known.has(candidate));
  const isOfSection = closest(name.split('_', 1)[0] ?? '', SECTIONS.keys()) !== undefined;
  if (meant === undefined && !isOfSection) return [];
  const right = meant === undefined ? 'unset it' : `did you mean ${meant}?`;
  return [{ place: variable, message: `unknown variable; ${right}` }];
}

/** Reads a secret from a file, without the line feed that editors append. */
function secretIn(path: string, variable: string, problems: Problem[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replace(/\r?\n$/, '');
  } catch (error) {
    const message = `cannot read the file that it names: ${reasonOf(error)}; expected the path of a file with the secret`;
    problems.push({ place: variable, message });
    return undefined;
  }
}
