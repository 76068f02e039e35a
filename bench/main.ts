import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { cpus, totalmem } from 'node:os';
import { benchCrawl } from './crawl.ts';
import { benchIncremental } from './incremental.ts';
import { benchLoad } from './load.ts';
import { benchNotifications } from './notifications.ts';
import { benchRestart } from './restart.ts';
import { benchScale } from './scale.ts';

/** Runs every bench, prints the results, and keeps them in bench/results with the machine and the date. */
const only = process.argv[2];
const benches: Readonly<Record<string, () => Promise<unknown>>> = {
  attribution: benchAttribution,
  crawl: benchCrawl,
  incremental: benchIncremental,
  notifications: benchNotifications,
  restart: benchRestart,
  scale: () => benchScale(tagsOf(process.argv[3])),
  load: () => benchLoad(tagsOf(process.argv[3]), Number(process.argv[4] ?? 10)),
};
const results: Record<string, unknown> = {
  date: new Date().toISOString(),
  machine: {
    cpu: cpus()[0]?.model,
    cores: cpus().length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    node: process.version,
  },
};
for (const [name, bench] of Object.entries(benches)) {
  if (only !== undefined && only !== name) continue;
  process.stderr.write(`bench: ${name} ...\n`);
  results[name] = await bench();
}
const text = `${JSON.stringify(results, null, 2)}\n`;
process.stdout.write(text);
if (only === undefined) {
  const directory = new URL('./results/', import.meta.url);
  mkdirSync(directory, { recursive: true });
  writeFileSync(new URL(`${String(results['date']).slice(0, 10)}.json`, directory), text);
}

function tagsOf(argument: string | undefined): number {
  return Number(argument ?? 100_000);
}

/** In processes of their own, so that the peak of memory is theirs. */
async function benchAttribution(): Promise<object[]> {
  const script = new URL('./attribution.ts', import.meta.url).pathname;
  return [10_000, 100_000, 1_000_000].map((tags) => {
    const text = execFileSync(process.execPath, [script, String(tags)], { encoding: 'utf8' });
    return JSON.parse(text) as object;
  });
}
