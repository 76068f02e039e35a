import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { describe, expect, test } from 'vitest';

/* The rules of ARCHITECTURE.md, checked against the imports and the text of every file below src/ and tools/. */

/** What each part of src/ may import besides itself. Only `compose.ts`, `main.ts` and `cli/` may import several parts. */
const ALLOWED: Readonly<Record<string, readonly string[]>> = {
  lib: [],
  domain: ['lib'],
  'ports.ts': ['domain', 'lib'],
  registry: ['domain', 'lib', 'ports.ts'],
  crawl: ['domain', 'lib', 'ports.ts'],
  store: ['domain', 'lib', 'ports.ts'],
  auth: ['domain', 'lib', 'ports.ts'],
  http: ['lib', 'ports.ts'],
  api: ['domain', 'http', 'lib', 'ports.ts'],
  metrics: ['domain', 'lib', 'ports.ts'],
  config: ['domain', 'lib', 'ports.ts'],
  log: ['domain', 'lib', 'ports.ts'],
};

/** Inside api/: a folder may import those named here and itself. */
const ALLOWED_IN_API: Readonly<Record<string, readonly string[]>> = {
  snapshot: ['schemas'],
  schemas: [],
  hal: ['schemas', 'snapshot', 'api/route-table.ts'],
  collections: ['hal', 'schemas', 'snapshot', 'api/route-table.ts'],
  docs: ['hal', 'schemas', 'api/route-table.ts'],
};

/** What a module that waits contains: the domain imports none. */
const WAITS = /\bawait\b|\basync\b|node:timers/;

const FILES_IN_A_FOLDER = 20;

interface Source {
  /** Below src/, or below tools/ with that prefix. */
  readonly path: string;
  readonly text: string;
  /** `text` without comments. */
  readonly code: string;
  /** Packages by name, files of the project by their path below src/. */
  readonly imports: readonly string[];
}

const IMPORT = /^(?:import|export)\b[^'";]*?from\s+'([^']+)'|^import\s+'([^']+)'|\bimport\('([^']+)'\)/gms;

function read(file: string): Source {
  const text = readFileSync(file, 'utf8');
  const imports = [...text.matchAll(IMPORT)]
    .map(([, from, bare, dynamic]) => from ?? bare ?? dynamic ?? '')
    .map((name) => (name.startsWith('.') ? normalize(join(dirname(file), name)).replace(/^src\//, '') : name));
  const code = text.replace(/\/\*.*?\*\//gs, '').replace(/^\s*\/\/.*$/gm, '');
  return { path: file.replace(/^src\//, ''), text, code, imports };
}

const sources: readonly Source[] = globSync('src/**/*.ts').sort().map(read);
const byPath = new Map(sources.map((source) => [source.path, source]));
const localImports = ({ imports }: Pick<Source, 'imports'>): readonly string[] =>
  imports.filter((name) => byPath.has(name));
/** `http` for `http/bodies/send-body.ts`, `ports.ts` for `ports.ts`. */
const partOf = (path: string): string => path.split('/', 1)[0] ?? '';
const folderOf = (path: string, parent: string): string | undefined =>
  path.startsWith(`${parent}/`) && path.split('/').length > 2 ? path.split('/')[1] : undefined;
const inPart = (part: string): readonly Source[] => sources.filter(({ path }) => partOf(path) === part);
/** The paths of the sources whose code matches. */
const matching = (pattern: RegExp, among = sources): readonly string[] =>
  among.filter(({ code }) => pattern.test(code)).map(({ path }) => path);

const LIST = 'api/collections/resources.ts';
/** The files with descriptors of resources. */
const DESCRIPTORS = matching(/^(?:export )?const [A-Z_]+(?:: SingleDescriptor = \{| = describeCollection\b)/m);

describe('rule 1: imports point one way', () => {
  test('every file belongs to a part of the layout', () => {
    const parts = new Set(sources.map(({ path }) => partOf(path)));
    expect([...parts].sort()).toEqual([...Object.keys(ALLOWED), 'cli', 'compose.ts', 'main.ts'].sort());
  });

  test('each part imports only the parts that it may know', () => {
    const strays = Object.entries(ALLOWED).flatMap(([part, allowed]) =>
      inPart(part).flatMap((source) =>
        localImports(source)
          .filter((name) => partOf(name) !== part && !allowed.includes(partOf(name)))
          .map((name) => `${source.path} imports ${name}`),
      ),
    );
    expect(strays).toEqual([]);
  });

  test('inside api/, collections import hal, hal imports snapshot and schemas, and none imports back', () => {
    const strays = Object.entries(ALLOWED_IN_API).flatMap(([folder, allowed]) =>
      sources
        .filter(({ path }) => folderOf(path, 'api') === folder)
        .flatMap((source) =>
          localImports(source)
            .filter((name) => partOf(name) === 'api')
            .filter((name) => ![folder, ...allowed].includes(folderOf(name, 'api') ?? name))
            .map((name) => `${source.path} imports ${name}`),
        ),
    );
    expect(strays).toEqual([]);
  });

  test('the ports hold interfaces only', () => {
    expect(byPath.get('ports.ts')?.code).not.toMatch(/^export (?:const|let|function|class)|^import \{/m);
  });

  test('only registry/ sends HTTP requests, only store/ speaks SQL', () => {
    const http = sources.filter(({ imports }) => imports.includes('undici')).map(({ path }) => partOf(path));
    expect(new Set(http)).toEqual(new Set(['registry']));
    const sqlite = sources.filter(({ imports }) => imports.includes('node:sqlite')).map(({ path }) => partOf(path));
    expect(new Set(sqlite)).toEqual(new Set(['store']));
    const sql = /\b(?:SELECT\b[^;]*\bFROM|INSERT INTO|DELETE FROM|CREATE TABLE|PRAGMA)\b/;
    expect(new Set(matching(sql).map(partOf))).toEqual(new Set(['store']));
  });
});

describe('rule 2: no circle', () => {
  test('no file imports itself through others, type imports included', () => {
    expect(circles(sources)).toEqual([]);
  });
});

describe('rule 3: the domain is pure', () => {
  test('it imports no package but the schema library, and knows no clock, no I/O and no waiting', () => {
    for (const { path, imports, code } of [...inPart('domain'), ...inPart('lib')]) {
      const foreign = imports.filter((name) => !byPath.has(name) && name !== 'zod');
      if (partOf(path) === 'domain') expect(foreign, path).toEqual([]);
      else
        expect(foreign.filter((name) => /^node:(?:fs|net|http|https|child_process|dns|tls)\b/.test(name))).toEqual([]);
      if (partOf(path) !== 'domain') continue;
      expect(code, path).not.toMatch(/\bawait\b|\basync\b|Date\.now|new Date\(\)|Math\.random|\bprocess\./);
      const waiting = localImports({ imports }).filter((name) => WAITS.test(byPath.get(name)?.code ?? ''));
      expect(waiting, path).toEqual([]);
    }
  });

  test('what every store engine shares knows none of them', () => {
    const shared = inPart('store').filter(({ path }) => !path.startsWith('store/sqlite/'));
    const strays = shared.filter((source) => localImports(source).some((name) => name.startsWith('store/sqlite/')));
    expect(strays.map(({ path }) => path)).toEqual([]);
  });

  test('the crawl knows no URL, JSON or HTTP status', () => {
    expect(matching(/https?:|JSON\.|\bURL\b|\bstatus === \d/, inPart('crawl'))).toEqual([]);
  });
});

describe('rule 4: each outside fact has one place', () => {
  test('only compose.ts reads clocks', () => {
    expect(matching(/Date\.now|new Date\(\)|performance\.now|hrtime/)).toEqual(['compose.ts']);
  });

  test('only main.ts reads the environment and ends the process', () => {
    expect(matching(/\bprocess\.(?:env|argv|exit\b)/)).toEqual(['main.ts']);
  });

  test('only the route table names paths, and a descriptor of a collection may name its own', () => {
    const first =
      /(?:repositories|tags|namespaces|blobs|gaps|collection|health|events|metrics|auth_token|openapi\.json|docs)\b/;
    const named = new RegExp(`['"\`}]/${first.source}`);
    expect(matching(named, [...inPart('api'), ...inPart('http')])).toEqual(['api/route-table.ts']);
    expect(matching(/^ +path: ['"`]/m, inPart('api')).filter((path) => !DESCRIPTORS.includes(path))).toEqual([]);
  });

  test('only api/hal/links.ts encodes names into URLs', () => {
    expect(matching(/\bencodeURI(?:Component)?\(/, inPart('api'))).toEqual(['api/hal/links.ts']);
  });
});

describe('rule 5: one admission path', () => {
  test('only admit() counts requests and verifies tokens, and the server creates it once', () => {
    const checks = /\.count(?:Address|User)\(|\btokens\??\.(?:recall|verify)\(|\bproblemOfHost\(/;
    expect(matching(checks)).toEqual(['http/admission.ts']);
    const created = sources.flatMap(
      ({ path, code }) => code.match(/(?<!function )\bcreateAdmission\(/g)?.map(() => path) ?? [],
    );
    expect(created).toEqual(['http/http-server.ts']);
  });

  test('every cache of responses has the visibility in its keys', () => {
    const caches = matching(/\bcreateByteLru\b/, [...inPart('api'), ...inPart('http')]);
    expect(caches.length).toBeGreaterThan(0);
    expect(caches.filter((path) => !/\bvisibility\b/.test(byPath.get(path)?.code ?? ''))).toEqual([]);
  });
});

describe('rule 6: one descriptor per list resource', () => {
  /** The list may contain small descriptors itself. */
  const inFiles = DESCRIPTORS.filter((path) => path !== LIST);

  test('each file describes one resource, and the list contains them all', () => {
    for (const path of inFiles) {
      const exported = byPath.get(path)?.code.match(/: SingleDescriptor = \{|\bdescribeCollection[<(]/g);
      expect(exported, path).toHaveLength(1);
    }
    const listed = byPath.get(LIST)?.imports ?? [];
    expect(inFiles.filter((path) => !listed.includes(path))).toEqual([]);
  });

  test('no file outside api/collections/ knows a single resource', () => {
    const strays = sources
      .filter(({ path }) => folderOf(path, 'api') !== 'collections')
      .flatMap((source) => localImports(source).filter((name) => inFiles.includes(name)));
    expect(strays).toEqual([]);
  });
});

describe('rule 7: src/ holds what the service runs', () => {
  test('every file is reached from main.ts', () => {
    const reached = new Set(ENTRY_POINTS);
    for (const path of reached) {
      const source = byPath.get(path);
      if (source !== undefined) for (const name of localImports(source)) reached.add(name);
    }
    expect(sources.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual(Object.keys(NOT_REACHED_YET));
  });
});

test(`no folder holds more than ${FILES_IN_A_FOLDER} files`, () => {
  const counts = new Map<string, number>();
  for (const { path } of sources) counts.set(dirname(path), (counts.get(dirname(path)) ?? 0) + 1);
  expect([...counts].filter(([, count]) => count > FILES_IN_A_FOLDER)).toEqual([]);
});

test('no default export, and no file that only re-exports', () => {
  expect(matching(/^export default|^export (?:\*|\{[^}]*\}) from/m)).toEqual([]);
});

/** Files that Node starts: the program, a worker thread, and a child process. */
const ENTRY_POINTS = ['main.ts', 'auth/password-worker.ts', 'store/sqlite/integrity-check-process.ts'];

/** Files that tests use before the service does, and why they are in src/. */
const NOT_REACHED_YET: Readonly<Record<string, string>> = {
  'domain/usage/tag-set.ts':
    'the bytes that deleting a set of tags frees: held against a real registry, for the planner',
};

/** Groups of files that import each other in a circle (strongly connected components, Tarjan 1972). */
function circles(all: readonly Source[]): readonly (readonly string[])[] {
  const index = new Map<string, number>();
  const low = new Map<string, number>();
  const stack: string[] = [];
  const found: string[][] = [];
  const visit = (path: string): void => {
    index.set(path, index.size);
    low.set(path, index.get(path) ?? 0);
    stack.push(path);
    const source = byPath.get(path);
    for (const next of source === undefined ? [] : localImports(source)) {
      if (!index.has(next)) visit(next);
      if (stack.includes(next)) low.set(path, Math.min(low.get(path) ?? 0, low.get(next) ?? 0));
    }
    if (low.get(path) !== index.get(path)) return;
    const circle = stack.splice(stack.indexOf(path));
    if (circle.length > 1 || source?.imports.includes(path)) found.push(circle.sort());
  };
  for (const { path } of all) if (!index.has(path)) visit(path);
  return found;
}
