import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { expect, test } from 'vitest';

/* The laws of the house (ARCHITECTURE.md), read off the imports:
 *
 *   registry ──> crawl ──> domain <── api        rooms know `domain` and `ports.ts`, and never each other;
 *                            ▲                   only compose.ts and main.ts know several rooms */
const ROOMS = ['domain', 'registry', 'crawl', 'store', 'auth', 'api', 'config', 'cli'];

interface Source {
  readonly path: string;
  readonly text: string;
  /** Imported modules; those of the house by their path below src. */
  readonly imports: readonly string[];
}

const sources: readonly Source[] = globSync('src/**/*.ts').map((path) => {
  const text = readFileSync(path, 'utf8');
  const imports = [
    ...text.matchAll(/^(?:import|export)\b[^'"]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gms),
  ].map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '');
  const local = imports.map((name) =>
    name.startsWith('.') ? normalize(join(dirname(path), name)).slice('src/'.length) : name,
  );
  return { path: path.slice('src/'.length), text, imports: local };
});

const roomOf = (path: string): string | undefined => (path.includes('/') ? path.split('/')[0] : undefined);
const inRoom = (room: string): readonly Source[] => sources.filter(({ path }) => roomOf(path) === room);

test('every file lives in a room, or is one of the three that know several', () => {
  const outside = sources.filter(({ path }) => !ROOMS.includes(roomOf(path) ?? '')).map(({ path }) => path);
  expect(outside.sort()).toEqual(['compose.ts', 'main.ts', 'ports.ts']);
  for (const room of ROOMS) expect(inRoom(room).length, room).toBeGreaterThan(0);
});

test('rooms do not import each other: arrows point to the domain and the ports', () => {
  const strays = ROOMS.flatMap((room) =>
    inRoom(room).flatMap(({ path, imports }) =>
      imports
        .filter((name) => sources.some((source) => source.path === name))
        .filter((name) => ![room, 'domain'].includes(roomOf(name) ?? '') && name !== 'ports.ts')
        .map((name) => `${path} imports ${name}`),
    ),
  );
  expect(strays).toEqual([]);
});

test('the domain is pure: no platform, no clock, no waiting, no package but the schema library', () => {
  for (const { path, text, imports } of inRoom('domain')) {
    const foreign = imports.filter((name) => name !== 'zod' && roomOf(name) !== 'domain');
    expect(foreign, path).toEqual([]);
    expect(text, path).not.toMatch(/\bawait\b|Date\.now|new Date|Math\.random|\bprocess\./);
  }
});

test('the ports hold interfaces only', () => {
  const ports = sources.find(({ path }) => path === 'ports.ts');
  expect(ports?.text).not.toMatch(/^export (?:const|let|function|class)|^import \{/m);
});

test('only the registry room speaks HTTP to others, and the crawl knows no URLs, JSON or statuses', () => {
  for (const { path, text, imports } of sources) {
    if (roomOf(path) !== 'registry') expect(imports, path).not.toContain('undici');
    if (roomOf(path) === 'crawl') expect(text, path).not.toMatch(/https?:|JSON\.|\bURL\b|\bstatus === \d/);
  }
});

test('only the store speaks SQL, and only through node:sqlite', () => {
  for (const { path, text, imports } of sources) {
    if (roomOf(path) === 'store') continue;
    expect(imports, path).not.toContain('node:sqlite');
    expect(text, path).not.toMatch(/\b(?:SELECT\b[^;]*\bFROM|INSERT INTO|DELETE FROM|CREATE TABLE|PRAGMA)\b/);
  }
});

test('the clocks are passed in: one file looks at them', () => {
  const looking = sources
    .filter(({ text }) => /Date\.now|new Date\(\)|performance\.now|hrtime/.test(text))
    .map(({ path }) => path);
  expect(looking).toEqual(['compose.ts']);
});

test('the environment is read where the process starts, and nowhere else', () => {
  const reading = sources.filter(({ text }) => /process\.(?:env|argv|exit\b)/.test(text)).map(({ path }) => path);
  expect(reading).toEqual(['main.ts']);
});

test('no default exports, and no file that only hands on what others export', () => {
  for (const { path, text } of sources) {
    expect(text, path).not.toMatch(/^export default/m);
    expect(text, path).not.toMatch(/^export (?:\*|\{[^}]*\}) from/m);
  }
});

test('a file stays within its budget of 250 lines', () => {
  const long = sources.filter(({ text }) => text.split('\n').length > 250).map(({ path }) => path);
  expect(long).toEqual([]);
});
