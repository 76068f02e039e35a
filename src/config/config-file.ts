import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { type IniEntry, type IniProblem, parseIni } from './ini/ini.ts';
import { closest, type Problem } from './problem.ts';
import { reasonOf } from './readers/certificates.ts';
import { SECTIONS } from './schema.ts';

/** The text of one key, and where it came from. `text` is undefined where it could not be had, which a problem tells. */
export interface Setting {
  readonly text: string | undefined;
  readonly place: string;
  readonly line?: number;
}

/** Settings by `section.key`. */
export interface Source {
  readonly settings: ReadonlyMap<string, Setting>;
  readonly problems: readonly Problem[];
}

/** The file's settings, or undefined where there is no such file. A file that cannot be read is a problem. */
export function readConfigFile(path: string): Source | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = reasonOf(error);
    return reason === 'there is no such file' ? undefined : unreadable(path, reason);
  }
  if (!isUtf8(bytes)) return unreadable(path, `line ${lineNotUtf8(bytes)} is not UTF-8`);
  const { sections, problems: textProblems } = parseIni(new TextDecoder().decode(bytes));
  const settings = new Map<string, Setting>();
  const problems: Problem[] = textProblems.map((problem) => textProblem(path, problem));
  for (const [name, { line, entries }] of sections) {
    const section = SECTIONS.get(name);
    if (section === undefined) {
      problems.push({ place: path, line, subject: sectionName(name), message: unknownSection(name) });
      continue;
    }
    for (const [key, { value, line }] of entries) {
      if (Object.hasOwn(section.keys, key)) settings.set(`${name}.${key}`, { text: value, place: path, line });
    }
    problems.push(...unknownKeys(name, entries).map((problem) => ({ ...problem, place: path })));
  }
  return { settings, problems };
}

function unreadable(place: string, reason: string): Source {
  return { settings: new Map(), problems: [{ place, message: `cannot be read: ${reason}` }] };
}

/** The first of its lines that is not, from 1. No character of more than one byte holds a line end. */
function lineNotUtf8(bytes: Buffer): number {
  const lines = bytes.toString('latin1').split('\n');
  return 1 + lines.findIndex((line) => !isUtf8(Buffer.from(line, 'latin1')));
}

function textProblem(place: string, { line, section, key, message }: IniProblem): Problem {
  if (section === undefined) return { place, line, message };
  const isKnown = key !== undefined && closestKey(section, key) === key;
  const keyName = key === undefined ? '' : ` ${isKnown ? key : HIDDEN_KEY}`;
  return { place, line, subject: `${sectionName(section)}${keyName}`, message };
}

function unknownSection(name: string): string {
  const meant = closest(name, SECTIONS.keys());
  const right =
    meant === undefined ? `the sections are ${[...SECTIONS.keys()].join(', ')}` : `did you mean [${meant}]?`;
  return `there is no such section; ${right}`;
}

const HIDDEN_KEY = '(unknown key)';

/**
 * What the section sets without there being such a key; what it only inherits is no mistake.
 * Behind a secret the name is hidden: it may be the rest of the secret, wrapped and ending in `=`.
 */
function unknownKeys(name: string, entries: ReadonlyMap<string, IniEntry>): readonly Omit<Problem, 'place'>[] {
  const keys = SECTIONS.get(name)?.keys ?? {};
  const problems: Omit<Problem, 'place'>[] = [];
  let isBehindSecret = false;
  for (const [key, { line }] of [...entries].filter(([, entry]) => !entry.isInherited).sort(byLine)) {
    if (Object.hasOwn(keys, key)) {
      isBehindSecret = keys[key]?.isSecret === true;
      continue;
    }
    const meant = closestKey(name, key);
    const isShown = meant !== undefined || (!isBehindSecret && /^[a-z][a-z_ -]{0,39}$/.test(key));
    problems.push({
      line,
      subject: `[${name}] ${isShown ? key : HIDDEN_KEY}`,
      message: `there is no such key; ${rightKey(key, meant)}`,
    });
    isBehindSecret ||= !isShown;
  }
  return problems;
}

function byLine([, a]: readonly [string, IniEntry], [, b]: readonly [string, IniEntry]): number {
  return a.line - b.line;
}

function rightKey(key: string, meant: string | undefined): string {
  if (meant !== undefined && meant !== key) return `did you mean ${meant}?`;
  const homes = [...SECTIONS].filter(([, section]) => Object.hasOwn(section.keys, key)).map(([name]) => `[${name}]`);
  return homes.length > 0 ? `it belongs to ${homes.join(' or ')}` : 'remove it, or put # before it';
}

/** The key of the section that was probably meant, else the same key of another section. */
function closestKey(section: string, key: string): string | undefined {
  const own = closest(key, Object.keys(SECTIONS.get(section)?.keys ?? {}));
  if (own !== undefined) return own;
  return [...SECTIONS.values()].some(({ keys }) => Object.hasOwn(keys, key)) ? key : undefined;
}

function sectionName(name: string): string {
  return /^[A-Za-z][A-Za-z_ -]{0,39}$/.test(name) ? `[${name}]` : '(unknown section)';
}
