import { isSectionUsed } from './auth.ts';
import { type Config, configOf } from './config.ts';
import { readConfigFile, type Setting, type Source } from './config-file.ts';
import { contradictions } from './contradictions.ts';
import { type Environment, readEnvironment, variableOf } from './environment.ts';
import { type Problem, problemLines, quoted } from './problem.ts';
import { readProxies } from './proxies.ts';
import type { Key } from './readers/key.ts';
import { SECTIONS, type UsedValues, type Values } from './schema.ts';
import { warningsOf } from './warnings.ts';

/** The file that is read unless the operator names another one. */
export const DEFAULT_CONFIG_FILE = '/etc/gitlab_registry_usage_rest.conf';

export interface ConfigSources {
  /** The path of the INI file, relative to the working directory. */
  readonly file: string;
  /** Whether `file` is the default. Then it may be missing, if the environment sets all required keys. */
  readonly isDefaultFile: boolean;
  readonly env: Environment;
}

/** Each problem and each warning is one line for the operator, without a line feed and without a secret. */
export type LoadedConfig =
  | { readonly config: Config; readonly origins: Origins; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] };

/** The origin of each setting in effect, by `section.key`: a file with its line, or a variable. Settings that are missing here have their default. */
export type Origins = Readonly<Record<string, string>>;

/** Reads the file and the environment, which takes precedence, and reports all problems at once. */
export function loadConfig({ file, isDefaultFile, env }: ConfigSources): LoadedConfig {
  const fromFile = readConfigFile(file);
  const fromEnv = readEnvironment(env);
  const settings = new Map([...stateDirectory(env), ...(fromFile?.settings ?? []), ...fromEnv.settings]);
  const { proxy, problems: proxyProblems } = readProxies(env);
  const problems = [...(fromFile?.problems ?? []), ...fromEnv.problems, ...proxyProblems];
  const used = sectionsInUse(settings);
  const values = readValues(settings, used, problems);
  const missing = missingKeys(settings, used, fromFile === undefined ? undefined : file);
  if (fromFile === undefined && (!isDefaultFile || missing.length > 0)) problems.unshift(noSuchFile(file));
  if (isWorthListing(missing, fromFile, fromEnv, isDefaultFile)) problems.push(...missing);
  if (problems.length > 0 || !isComplete(values, used)) return { problems: problemLines(problems) };
  const config = configOf(values, { proxy, isDefaultStore: !settings.has('store.url') });
  return { config, origins: originsOf(settings), warnings: warningsOf(file, settings, config) };
}

type Sections = typeof SECTIONS;

function sectionsInUse(settings: ReadonlyMap<string, Setting>): Sections {
  return new Map([...SECTIONS].filter(([name]) => isSectionUsed(name, settings.get('auth.methods')?.text)));
}

/** Returns the sections whose keys are all valid. It also checks valid values against each other, across sections. */
function readValues(settings: ReadonlyMap<string, Setting>, used: Sections, problems: Problem[]): Partial<Values> {
  const sections: Record<string, Readonly<Record<string, unknown>>> = {};
  const all: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [name, { keys }] of used) {
    const values: Record<string, unknown> = {};
    for (const [keyName, key] of Object.entries(keys)) {
      const setting = settings.get(`${name}.${keyName}`);
      const text = setting === undefined ? key.fallback : setting.text;
      if (text === undefined) continue; // missing or unreadable: reported elsewhere
      const read = key.read(text);
      if ('value' in read) values[keyName] = read.value;
      else
        problems.push({
          ...placeOf(setting),
          subject: `[${name}] ${keyName}`,
          message: wrongValue(key, text, read.wrong),
        });
    }
    all[name] = values;
    if (Object.keys(values).length === Object.keys(keys).length) sections[name] = values;
  }
  // The loop above went through the schema from which the type Values is derived.
  const values = sections as Partial<Values>;
  for (const { section, keys, message: what, without } of contradictions(all)) {
    const key = keys.find((name) => settings.has(`${section}.${name}`)) ?? keys[0];
    const empty = settings.get(`${section}.${without}`);
    const message = empty === undefined ? what : `${what}; ${originOf(empty)} sets ${without} to an empty value`;
    problems.push({ ...placeOf(settings.get(`${section}.${key}`)), subject: `[${section}] ${key}`, message });
  }
  return values;
}

/** The state directory that systemd or another supervisor provides (systemd.exec, StateDirectory=); the first of several. */
function stateDirectory(env: Environment): readonly [string, Setting][] {
  const [directory] = (env['STATE_DIRECTORY'] ?? '').split(':');
  return directory ? [['store.url', { text: `sqlite:${directory}/usage.db`, place: 'STATE_DIRECTORY' }]] : [];
}

function originsOf(settings: ReadonlyMap<string, Setting>): Origins {
  return Object.fromEntries([...settings].map(([name, setting]) => [name, originOf(setting)]).sort()) as Origins;
}

function originOf({ place, line }: Setting): string {
  return line === undefined ? place : `${place}:${line}`;
}

function isComplete(values: Partial<Values>, used: Sections): values is UsedValues {
  return [...used.keys()].every((name) => Object.hasOwn(values, name));
}

function placeOf(setting: Setting | undefined): Pick<Problem, 'place' | 'line'> {
  return { place: setting?.place ?? 'default', line: setting?.line };
}

function wrongValue(key: Key<unknown>, text: string, wrong: string): string {
  const hint = key.isSecret || !/\s[#;]/.test(text) ? '' : ' (a comment needs a line of its own)';
  return `${quoted(text, key.isSecret === true)} ${wrong}${hint}; expected ${key.right}`;
}

function missingKeys(
  settings: ReadonlyMap<string, Setting>,
  used: Sections,
  file: string | undefined,
): readonly Problem[] {
  const problems: Problem[] = [];
  for (const [section, { keys }] of used) {
    for (const [name, key] of Object.entries(keys)) {
      if (key.fallback !== undefined || settings.has(`${section}.${name}`)) continue;
      const place = file ?? variableOf(section, name);
      problems.push({ place, subject: `[${section}] ${name}`, message: `is not set; expected ${key.right}` });
    }
  }
  return problems;
}

/** If no file could be read and nothing else is set, one line about the file helps more than a list of missing keys. */
function isWorthListing(
  missing: readonly Problem[],
  fromFile: Source | undefined,
  fromEnv: Source,
  isDefaultFile: boolean,
): boolean {
  if (missing.length === 0) return false;
  if (fromFile === undefined) return isDefaultFile && fromEnv.settings.size > 0;
  return fromFile.settings.size > 0 || !fromFile.problems.some(({ line }) => line === undefined);
}

function noSuchFile(place: string): Problem {
  return {
    place,
    message:
      'the file does not exist; create it from the output of --print-default-config, or name another file with -c FILE',
  };
}
