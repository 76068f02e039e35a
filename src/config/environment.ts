import { readFileSync } from 'node:fs';
import type { Setting, Source } from './config-file.ts';
import { closest, type Problem } from './problem.ts';
import { reasonOf } from './readers/certificates.ts';
import { SECTIONS } from './schema.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** What every variable of ours begins with. */
export const VARIABLE_PREFIX = 'GITLAB_REGISTRY_USAGE_REST_';

/** The variable that sets a key. A secret's has a twin with `_FILE` behind it, which names a file that holds the secret. */
export function variableOf(section: string, key: string): string {
  return `${VARIABLE_PREFIX}${section}_${key}`.toUpperCase();
}

/** The settings of the environment, taken literally: no interpolation. A variable that is set to nothing is set. */
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
 * What Kubernetes tells every container of a namespace about each Service in it, behind the name of the Service, which may be ours, or begin
 * with it (Kubernetes, "Accessing the Service", environment variables).
 */
const OF_KUBERNETES = /^(?:\w+_)?(?:SERVICE_HOST|SERVICE_PORT(?:_\w+)?|PORT_\d+_[A-Z]+(?:_PROTO|_PORT|_ADDR)?)$/;
/** The one of those variables whose name could be a key's: its value could not. */
const URL_OF_KUBERNETES = /^(?:tcp|udp|sctp):\/\/[\d.:[\]a-f]+$/;

function isOfKubernetes(variable: string, text: string): boolean {
  const name = variable.slice(VARIABLE_PREFIX.length);
  return OF_KUBERNETES.test(name) || (/(?:^|_)PORT$/.test(name) && URL_OF_KUBERNETES.test(text));
}

/** A problem where a key of ours was probably meant. What has another purpose, such as the version of an image to run, is let pass. */
function unknownVariable(variable: string, known: ReadonlyMap<string, Variable>): readonly Problem[] {
  const name = variable.slice(VARIABLE_PREFIX.length);
  const withSection = [...SECTIONS.keys()].map((section) => variableOf(section, name));
  const meant = closest(variable, known.keys()) ?? withSection.find((candidate) => known.has(candidate));
  const isOfSection = closest(name.split('_', 1)[0] ?? '', SECTIONS.keys()) !== undefined;
  if (meant === undefined && !isOfSection) return [];
  const right = meant === undefined ? 'unset it' : `did you mean ${meant}?`;
  return [{ place: variable, message: `there is no such variable; ${right}` }];
}

/** The file's text without the line end that editors put there. */
function secretIn(path: string, variable: string, problems: Problem[]): string | undefined {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(readFileSync(path)).replace(/\r?\n$/, '');
  } catch (error) {
    const message = `the file that it names cannot be read: ${reasonOf(error)}; expected the path of a file with the secret`;
    problems.push({ place: variable, message });
    return undefined;
  }
}
