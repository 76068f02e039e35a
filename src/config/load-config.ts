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

export interface ConfigSources {
  /** The path of the INI file, relative to the working directory. */
  readonly file: string;
  /** Whether nobody asked for that file: then it may be missing, if the environment says all that is needed. */
  readonly isDefaultFile: boolean;
  readonly env: Environment;
}

/** Each problem, and each warning, is one line for the operator, without a line end and without any secret. */
export type LoadedConfig =
  | { readonly config: Config; readonly origins: Origins; readonly warnings: readonly string[] }
  | { readonly problems: readonly string[] };

/** Where each setting that counts was found, by `section.key`: a file with its line, or a variable. Those that are not here have their default. */
export type Origins = Readonly<Record<string, string>>;

/** Reads the file and the environment, which counts more, and checks everything before it gives up. */
export function loadConfig({ file, isDefaultFile, env }: ConfigSources): LoadedConfig {
  const fromFile = readConfigFile(file);
  const fromEnv = readEnvironment(env);
  const settings = new Map([...stateDirectory(env), ...(fromFile?.settings ?? []), ...fromEnv.settings]);
  const { proxy, problems: proxyProblems } = readProxies(env);
  const problems = [...(fromFile?.problems ?? []), ...fromEnv.problems, ...proxyProblems];
  const used = usedSections(settings);
  const values = readValues(settings, used, problems);
  const missing = missingKeys(settings, used, fromFile === undefined ? undefined : file);
  if (fromFile === undefined && (!isDefaultFile || missing.length > 0)) problems.unshift(noSuchFile(file));
  if (isWorthListing(missing, fromFile, fromEnv, isDefaultFile)) problems.push(...missing);
  if (problems.length > 0 || !isComplete(values, used)) return { problems: problemLines(problems) };
  const config = configOf(values, { proxy, isDefaultStore: !settings.has('store.url') });
  return { config, origins: originsOf(settings), warnings: warningsOf(file, settings, config) };
}

type Sections = typeof SECTIONS;

function usedSections(settings: ReadonlyMap<string, Setting>): Sections {
  return new Map([...SECTIONS].filter(([name]) => isSectionUsed(name, settings.get('auth.methods')?.text)));
}

/** Every section whose keys are all right; what is right in any of them is then checked together too. */
function readValues(settings: ReadonlyMap<string, Setting>, used: Sections, problems: Problem[]): Partial<Values> {
  const sections: Record<string, Readonly<Record<string, unknown>>> = {};
  const all: Record<string, Readonly<Record<string, unknown>>> = {};
  for (const [name, { keys }] of used) {
    const values: Record<string, unknown> = {};
    for (const [keyName, key] of Object.entries(keys)) {
      const setting = settings.get(`${name}.${keyName}`);
      const text = setting === undefined ? key.fallback : setting.text;
      if (text === undefined) continue; // missing, or unreadable: told elsewhere
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
  // The schema that gave Values its type is the one that was walked through.
  const values = sections as Partial<Values>;
  for (const { section, keys, message: what, without } of contradictions(all)) {
    const key = keys.find((name) => settings.has(`${section}.${name}`)) ?? keys[0];
    const empty = settings.get(`${section}.${without}`);
    const message = empty === undefined ? what : `${what}; ${originOf(empty)} sets ${without} to nothing`;
    problems.push({ ...placeOf(settings.get(`${section}.${key}`)), subject: `[${section}] ${key}`, message });
  }
  return values;
}

/** Where systemd, or whoever else starts the service, wants it to keep its files (systemd.exec, StateDirectory=): the first of several. */
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
  const hint = key.isSecret || !/\s[#;]/.test(text) ? '' : ' (a comment needs a line to itself)';
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

/** Where no file could be read and nothing else was said, one line about the file is all that helps. */
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
    message: 'there is no such file; write one from what --print-default-config prints, or name another by -c FILE',
  };
}
