import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { exitOnSignals } from '../lab/resources.ts';
import { run } from '../lab/run.ts';
import { benchBounded } from './bounded.ts';
import { compareCheckouts, tableOf } from './compare/compare.ts';
import { benchCrawl } from './crawl.ts';
import { benchFirstData } from './first-data.ts';
import { benchIncremental } from './incremental.ts';
import { benchLoad } from './load.ts';
import { benchNotifications } from './notifications.ts';
import { benchRestart } from './restart.ts';
import { benchScale } from './scale.ts';
import { benchSignIn } from './sign-in.ts';

const USAGE = `npm run bench                    runs all benchmarks but the comparison, and stores the results in bench/results
npm run bench NAME               runs one: attribution, crawl, firstData, incremental, notifications, restart, signIn
npm run bench bounded [TAGS]     how long others wait while one user pipelines expensive requests; 100000 tags by default, about four minutes
npm run bench scale [TAGS]       a large registry; 100000 tags by default
npm run bench load [TAGS] [MINUTES]
                                 requests per second of the API, then so many minutes of load during crawls; 100000 tags and 10 minutes by default
npm run bench compare BEFORE AFTER [TAGS] [ROUNDS] [SECONDS]
                                 compares two checkouts of this project, given as directories, and stores the result in bench/results; exit code 1 if a
                                 figure has become slower. 10000 tags, 12 rounds and 3 seconds per figure and round by default;
                                 500 tags, 6 rounds and 1 second for a quick try
`;
const MINIMUM_ROUNDS = 6;

const [name, ...parameters] = process.argv.slice(2);
const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  attribution: benchAttribution,
  bounded: () => benchBounded(numberAt(0, 100_000)),
  crawl: benchCrawl,
  firstData: benchFirstData,
  incremental: benchIncremental,
  notifications: benchNotifications,
  restart: benchRestart,
  signIn: benchSignIn,
  scale: () => benchScale(numberAt(0, 100_000)),
  load: () => benchLoad(numberAt(0, 100_000), numberAt(1, 10)),
};

exitOnSignals();
if (name === undefined) await runAll();
else if (name === 'compare') await compare();
else await runOne(name);

/** Prints the results, and stores them with the machine and the date. */
async function runAll(): Promise<void> {
  const results: Record<string, unknown> = { ...context() };
  for (const [each, bench] of Object.entries(benches)) {
    process.stderr.write(`bench: ${each} ...\n`);
    results[each] = await bench();
  }
  process.stdout.write(textOf(results));
  store('', results);
}

async function runOne(wanted: string): Promise<void> {
  const bench = benches[wanted];
  if (bench === undefined) return fail();
  process.stdout.write(textOf({ ...context(), [wanted]: await bench() }));
}

async function compare(): Promise<void> {
  const [before, after, ...sizes] = parameters;
  if (before === undefined || after === undefined || sizes.some((size) => !(Number(size) > 0))) return fail();
  const [tags, rounds, seconds] = [numberAt(2, 10_000), numberAt(3, 12), numberAt(4, 3)];
  if (rounds < MINIMUM_ROUNDS) return fail(`at least ${MINIMUM_ROUNDS} rounds are needed for an interval\n`);
  const comparison = await compareCheckouts({ before, after }, { tags, rounds, seconds });
  process.stdout.write(tableOf(comparison));
  store('-compare', { ...context(), compare: comparison });
  if (comparison.slower.length > 0) process.exitCode = 1;
}

function fail(reason = ''): void {
  process.stderr.write(`${reason}${USAGE}`);
  process.exitCode = 2;
}

function numberAt(position: number, byDefault: number): number {
  return Number(parameters[position] ?? byDefault);
}

function context(): { readonly date: string; readonly machine: object } {
  return {
    date: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model,
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      node: process.version,
    },
  };
}

function textOf(results: object): string {
  return `${JSON.stringify(results, null, 2)}\n`;
}

/** Writes a new file in bench/results, named by the date. */
function store(suffix: string, results: object): void {
  const directory = new URL('./results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  const base = `${new Date().toISOString().slice(0, 10)}${suffix}`;
  const fileOf = (number: number): URL => new URL(`${base}${number === 1 ? '' : `-${number}`}.json`, directory);
  let number = 1;
  while (existsSync(fileOf(number))) number++;
  writeFileSync(fileOf(number), textOf(results));
}

/** Each size runs in a process of its own, so that the peak of memory belongs to it. */
async function benchAttribution(): Promise<object[]> {
  const script = new URL('./attribution.ts', import.meta.url).pathname;
  const results: object[] = [];
  for (const tags of [10_000, 100_000, 1_000_000])
    results.push(JSON.parse((await run(process.execPath, [script, String(tags)])).stdout) as object);
  return results;
}
