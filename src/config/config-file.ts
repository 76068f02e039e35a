import { isUtf8 } from 'node:buffer';
import { readFileSync } from 'node:fs';
import { type IniEntry, type IniProblem, parseIni } from './ini/ini.ts';
import { closest, type Problem } from './problem.ts';
import { reasonOf } from './readers/certificates.ts';
import { SECTIONS } from './schema.ts';

/** The text of one key and its origin. `text` is undefined if it could not be read; a problem reports that. */
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

/** Reads the settings of the file; undefined if it does not exist. An unreadable file is a problem. */
export function readConfigFile(path: string): Source | undefined {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch (error) {
    const reason = reasonOf(error);
    return reason === 'the file does not exist' ? undefined : unreadable(path, reason);
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

/** Returns the first line that is not UTF-8, from 1. No multi-byte character contains the byte of a line feed. */
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
  return `unknown section; ${right}`;
}

const HIDDEN_KEY = '(unknown key)';

/**
 * Returns a problem for each unknown key that the section itself sets; inherited keys may belong to other sections.
 * After a secret, unknown names are hidden: such a name may be the rest of a wrapped secret that ends in `=`.
 */
function unknownKeys(name: string, entries: ReadonlyMap<string, IniEntry>): readonly Omit<Problem, 'place'>[] {
  const keys = SECTIONS.get(name)?.keys ?? {};
  const problems: Omit<Problem, 'place'>[] = [];
  let isAfterSecret = false;
  for (const [key, { line }] of [...entries].filter(([, entry]) => !entry.isInherited).sort(byLine)) {
    if (Object.hasOwn(keys, key)) {
      isAfterSecret = keys[key]?.isSecret === true;
      continue;
    }
    const meant = closestKey(name, key);
    const isShown = meant !== undefined || (!isAfterSecret && /^[a-z][a-z_ -]{0,39}$/.test(key));
    problems.push({
      line,
      subject: `[${name}] ${isShown ? key : HIDDEN_KEY}`,
      message: `unknown key; ${rightKey(key, meant)}`,
    });
    isAfterSecret ||= !isShown;
  }
  return problems;
}

function byLine([, a]: readonly [string, IniEntry], [, b]: readonly [string, IniEntry]): number {
  return a.line - b.line;
}

function rightKey(key: string, meant: string | undefined): string {
  if (meant !== undefined && meant !== key) return `did you mean ${meant}?`;
  const homes = [...SECTIONS].filter(([, section]) => Object.hasOwn(section.keys, key)).map(([name]) => `[${name}]`);
  return homes.length > 0 ? `it belongs in ${homes.join(' or ')}` : 'remove it, or put # before it';
}

/** Returns the key of this section that was probably meant, or the same key if another section has it. */
function closestKey(section: string, key: string): string | undefined {
  const own = closest(key, Object.keys(SECTIONS.get(section)?.keys ?? {}));
  if (own !== undefined) return own;
  return [...SECTIONS.values()].some(({ keys }) => Object.hasOwn(keys, key)) ? key : undefined;
}

function sectionName(name: string): string {
  return /^[A-Za-z][A-Za-z_ -]{0,39}$/.test(name) ? `[${name}]` : '(unknown section)';
}
