import { interpolate } from './interpolation.ts';

/* The dialect of Python's configparser.ConfigParser(), with which the Python service read its file
 * (https://docs.python.org/3/library/configparser.html#supported-ini-file-structure):
 *
 *   [DEFAULT]                 keys that every section inherits
 *   domain = example.com
 *   [ldap]
 *   # a comment has a line of its own; `;` starts one too
 *   Host : ldap.%(domain)s    names are not case-sensitive, `=` and `:` mean the same
 *      ldap2.%(domain)s       a deeper indented line continues the value, empty lines included
 *
 * One difference: a `%` that starts neither `%%` nor `%(name)s` is a per cent sign, where Python refuses the file. */

/** The value of a key after interpolation; undefined if that failed, see `problems`. `line` is counted from 1. */
export interface IniEntry {
  readonly value: string | undefined;
  readonly line: number;
  readonly isInherited: boolean;
}

export interface IniSection {
  /** The line of its header, from 1. */
  readonly line: number;
  readonly entries: ReadonlyMap<string, IniEntry>;
}

/** A mistake in the text. The message quotes neither values nor names, because a wrapped password can look like a name. */
export interface IniProblem {
  readonly line: number;
  /** The section it is in, if any. */
  readonly section?: string;
  /** The key it is about, if any. */
  readonly key?: string;
  readonly message: string;
}

export interface IniFile {
  readonly sections: ReadonlyMap<string, IniSection>;
  readonly problems: readonly IniProblem[];
}

/** Parses any text and reports all mistakes in the order of their lines. Never throws. */
export function parseIni(text: string): IniFile {
  const file: RawFile = {
    sections: new Map([[DEFAULT_SECTION, { name: DEFAULT_SECTION, line: 0, entries: new Map() }]]),
    problems: [],
  };
  const state: State = { section: undefined, entry: undefined, indent: 0, isHeaderMissed: false };
  for (const [index, line] of text
    .replace(/^\uFEFF/, '')
    .split(/\r\n|\r|\n/)
    .entries()) {
    readLine(line, index + 1, state, file);
  }
  const inherited = file.sections.get(DEFAULT_SECTION)?.entries ?? new Map();
  file.sections.delete(DEFAULT_SECTION);
  const sections = new Map<string, IniSection>();
  for (const [name, section] of file.sections) {
    sections.set(name, { line: section.line, entries: mergeInherited(section, inherited, file.problems) });
  }
  return { sections, problems: sortedOnce(file.problems) };
}

const DEFAULT_SECTION = 'DEFAULT';

interface RawEntry {
  readonly line: number;
  readonly lines: string[];
}
interface RawSection {
  readonly name: string;
  readonly line: number;
  readonly entries: Map<string, RawEntry>;
}
interface RawFile {
  readonly sections: Map<string, RawSection>;
  readonly problems: IniProblem[];
}
interface State {
  section: RawSection | undefined;
  /** The entry that a continuation line belongs to. */
  entry: RawEntry | undefined;
  /** The indentation of the last header or key. Deeper lines are continuations. */
  indent: number;
  isHeaderMissed: boolean;
}

function readLine(line: string, number: number, state: State, file: RawFile): void {
  const content = line.trim();
  if (content.startsWith('#') || content.startsWith(';')) return;
  if (content === '') {
    state.entry?.lines.push('');
    return;
  }
  const indent = line.search(/\S/);
  if (state.entry !== undefined && indent > state.indent) {
    state.entry.lines.push(content);
    return;
  }
  state.indent = indent;
  const header = /^\[([^\n]+)\]/.exec(content)?.[1];
  if (header !== undefined) openSection(header, number, state, file);
  else if (state.section !== undefined) readKey(content, number, state, state.section, file);
  else if (!state.isHeaderMissed) {
    state.isHeaderMissed = true;
    file.problems.push({ line: number, message: 'is outside of any section; start with a header such as [general]' });
  }
}

function openSection(name: string, number: number, state: State, file: RawFile): void {
  state.entry = undefined;
  const known = file.sections.get(name);
  state.section = known ?? { name, line: number, entries: new Map() };
  if (known === undefined) file.sections.set(name, state.section);
  else if (name !== DEFAULT_SECTION) {
    const message = `appears twice, first in line ${known.line}; merge the two`;
    file.problems.push({ line: number, section: name, message });
  }
}

function readKey(content: string, number: number, state: State, section: RawSection, file: RawFile): void {
  const problem = { line: number, section: section.name };
  const delimiter = content.search(/[=:]/);
  state.entry = undefined;
  if (delimiter === -1) {
    file.problems.push({ ...problem, message: 'is not a section, a key or a comment; write key = value' });
    return;
  }
  const entry: RawEntry = { line: number, lines: [content.slice(delimiter + 1).trim()] };
  state.entry = entry;
  const key = content.slice(0, delimiter).trimEnd().toLowerCase();
  const first = section.entries.get(key);
  if (key === '') file.problems.push({ ...problem, message: 'is a value without a key; write key = value' });
  else if (first === undefined) section.entries.set(key, entry);
  else {
    const message = `is set twice, first in line ${first.line}; keep one of them`;
    file.problems.push({ ...problem, key, message });
  }
}

function mergeInherited(
  section: RawSection,
  inherited: ReadonlyMap<string, RawEntry>,
  problems: IniProblem[],
): ReadonlyMap<string, IniEntry> {
  const merged = new Map([...inherited, ...section.entries]);
  const raw = new Map([...merged].map(([key, entry]) => [key, entry.lines.join('\n').trimEnd()]));
  const entries = new Map<string, IniEntry>();
  for (const [key, { line }] of merged) {
    const read = interpolate(key, raw);
    if ('wrong' in read) problems.push({ line, section: section.name, key, message: read.wrong });
    entries.set(key, { value: 'wrong' in read ? undefined : read.value, line, isInherited: !section.entries.has(key) });
  }
  return entries;
}

/** Sorts by line and removes duplicates: a mistake in [DEFAULT] is found again in every section. */
function sortedOnce(problems: readonly IniProblem[]): readonly IniProblem[] {
  const distinct = new Map<string, IniProblem>();
  for (const problem of problems) {
    const id = `${problem.line} ${problem.message}`;
    if (!distinct.has(id)) distinct.set(id, problem);
  }
  return [...distinct.values()].sort((a, b) => a.line - b.line);
}
