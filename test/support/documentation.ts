import { spawnSync } from 'node:child_process';
import { accessSync, constants, globSync, readFileSync, statSync } from 'node:fs';

/* The commands in the documentation. */

export const ROOT = new URL('../..', import.meta.url).pathname;
const MARKER = '<!-- needs your own servers -->';
const SHELLS: ReadonlySet<string> = new Set(['sh', 'bash', 'shell', 'console']);
/** First words of texts in backticks that are not commands: directives of proxies, the format of a line, and searches. */
const NO_PROGRAMS: ReadonlySet<string> = new Set(['location', 'reverse_proxy', 'name', 'app', 'red', 'search']);
/** The source without its comments. */
export const SOURCE = globSync('src/**/*.ts', { cwd: ROOT })
  .map((file) => readFileSync(`${ROOT}${file}`, 'utf8').replace(/^\s*(?:\/\*.*?\*\/|\/\/[^\n]*)/gms, ''))
  .join('\n');

export interface Page {
  /** The path in this checkout. */
  readonly file: string;
  readonly blocks: readonly Block[];
  readonly inline: readonly Inline[];
}

/** A fenced block of shell commands. */
export interface Block {
  /** The page, the heading above the block, and its number if there are several: `README.md, Try it`, `README.md, Use it (2)`. */
  readonly name: string;
  readonly commands: readonly string[];
  /** The lines that show the output of a command. */
  readonly answers: readonly string[];
  /** Whether the page marks the block as needing the reader's own servers. */
  readonly isForReadersOnly: boolean;
}

/** A command in backticks. */
export interface Inline {
  readonly place: string;
  readonly command: string;
  readonly isForReadersOnly: boolean;
}

/** Returns all pages except the decision records, which contain no instructions. */
export function pages(): readonly Page[] {
  const files = globSync(['README.md', 'MIGRATING.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs/**/*.md'], {
    cwd: ROOT,
  });
  return files
    .filter((file) => !file.startsWith('docs/adr/'))
    .sort()
    .map(readPage);
}

function readPage(file: string): Page {
  const blocks: Block[] = [];
  const inline: Inline[] = [];
  const timesUnder = new Map<string, number>();
  let [heading, lines]: [string, string[]] = ['', []];
  let fence: string | undefined;
  /* A marker applies to the next paragraph or block. */
  let [isMarked, hasText] = [false, false];
  for (const [index, line] of readFileSync(`${ROOT}${file}`, 'utf8').split('\n').entries()) {
    const opened = /^\s*```(\w*)$/.exec(line)?.[1];
    if (fence === undefined && opened !== undefined) [fence, lines] = [opened, []];
    else if (fence !== undefined && opened === '') {
      if (SHELLS.has(fence)) blocks.push(blockOf(nameUnder(`${file}, ${heading}`, timesUnder), fence, lines, isMarked));
      [fence, isMarked] = [undefined, false];
    } else if (fence !== undefined) lines.push(line);
    else if (line.trim() === MARKER) [isMarked, hasText] = [true, false];
    else if (line.trim() === '') isMarked &&= !hasText;
    else {
      hasText = true;
      if (line.split('`').length % 2 === 0)
        throw new Error(`${file}:${index + 1}: a text in backticks continues in the next line`);
      heading = /^#+ (.*)$/.exec(line)?.[1] ?? heading;
      for (const command of commandsIn(line))
        inline.push({ place: `${file}:${index + 1}`, command, isForReadersOnly: isMarked });
    }
  }
  return { file, blocks, inline };
}

function nameUnder(heading: string, times: Map<string, number>): string {
  const time = (times.get(heading) ?? 0) + 1;
  times.set(heading, time);
  return time === 1 ? heading : `${heading} (${time})`;
}

function blockOf(name: string, shell: string, lines: readonly string[], isForReadersOnly: boolean): Block {
  const indent = Math.min(...lines.filter((line) => line.trim() !== '').map((line) => line.search(/\S/)));
  const commands: string[] = [];
  const answers: string[] = [];
  let begun = '';
  for (const line of lines.map((text) => text.slice(indent))) {
    const text = shell === 'console' ? line.replace(/^\$ /, '') : line;
    if (begun === '' && (text.trim() === '' || text.startsWith('#'))) continue;
    if (begun === '' && (text.startsWith('{') || (shell === 'console' && text === line))) answers.push(text);
    else if (isWhole(`${begun}${text}`)) {
      commands.push(`${begun}${text}`);
      begun = '';
    } else begun += `${text}\n`;
  }
  if (begun !== '') throw new Error(`${name}: the last command is incomplete`);
  return { name, commands, answers, isForReadersOnly };
}

/** Returns whether the text is a complete command, for which a shell would not wait for another line. */
function isWhole(text: string): boolean {
  return !text.endsWith('\\') && spawnSync('sh', ['-n'], { input: text }).status === 0;
}

function commandsIn(line: string): readonly string[] {
  const spans = line.replace(/<!--.*?-->/g, '').matchAll(/(?<!`)`([^`]+)`(?!`)/g);
  return [...spans].map(([, span = '']) => span).filter(isCommand);
}

/**
 * Returns whether a text in backticks is a command: it starts with the name of a program and has arguments, and is neither a setting (`key = value`) nor a
 * text of the service; or it is a program of this checkout.
 */
function isCommand(span: string): boolean {
  const [program = '', ...parameters] = span.split(' ').filter((word) => !/^[A-Z_]+=/.test(word));
  if (parameters.length === 0) return program.includes('/') && isProgramHere(program);
  return (
    /^\(?(?:[a-z]|[.~]*\/)[\w./-]*$/.test(program) &&
    !NO_PROGRAMS.has(program) &&
    parameters[0] !== '=' &&
    !isInSource(span)
  );
}

/** Returns whether the source contains the sentence. At most a quarter of its words may be inserted into a template. */
export function isInSource(sentence: string): boolean {
  const parts = sentence.replace(/ …$/, '').split('; ');
  return parts.every((part) => {
    if (!/^\w[\w-]*(?:,? \w[\w-]*)+$/.test(part)) return false;
    const found = SOURCE.matchAll(new RegExp(part.replace(/[\w-]+/g, '(?:$&|\\$\\{\\w+\\})'), 'g'));
    return [...found].some(([text]) => text.split('${').length - 1 <= part.split(' ').length / 4);
  });
}

function isProgramHere(path: string): boolean {
  try {
    accessSync(`${ROOT}${path}`, constants.X_OK);
    return statSync(`${ROOT}${path}`).isFile();
  } catch {
    return false;
  }
}
