import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readGroundTruth, type TrueFigures } from '../../lab/ground-truth.ts';
import { config, layer } from '../../lab/images.ts';
import { createPusher, type Pusher } from '../../lab/push.ts';
import type { Served } from '../../lab/serve.ts';
import type { LabService } from '../../lab/service.ts';
import { slowed } from '../../lab/slowed.ts';
import { inNewDirectory, removeDirectory } from '../../lab/temporary.ts';
import { setSlowTimeLimits } from '../support/time-limits.ts';
import { signIn, startWholeLab, type WholeLab } from '../support/whole-lab.ts';

setSlowTimeLimits();

/* Kills the service during a crawl, many times, with the same store. After each restart the service shows its last snapshot, and the next crawl
 * returns the figures that the disk of the registry shows. */

const KILLS = 50;
/** The delay of each request to the registry, so that a crawl takes long enough to be interrupted. */
const DELAY_MS = 12;
/** Somewhat less than the duration of a crawl of the sample content with that delay. */
const LONGEST_MS = 600;

let lab: WholeLab;
let slow: Served;
let pusher: Pusher;
let directory: string;
let headers: Record<string, string>;

beforeAll(async () => {
  lab = await startWholeLab();
  slow = await slowed(lab.registry.url, DELAY_MS);
  pusher = createPusher(lab.registry, lab.tokens);
  directory = await inNewDirectory('killed', async (path) => path);
});

afterAll(async () => {
  await slow.stop();
  await lab.remove();
  await removeDirectory(directory);
});

const start = (): Promise<LabService> =>
  lab.start({
    registry: { registry_base_url: slow.url, concurrency_max: 8 },
    store: { url: `sqlite://${directory}/usage.db` },
  });

/** The figures of a node, from the API or from the disk. */
interface Node {
  readonly name: string;
  readonly figures: readonly (number | boolean | null)[];
  readonly tags?: readonly Node[];
}

interface Shown {
  readonly timestamp: number | null;
  readonly content: readonly Node[];
}

const NOTHING: Shown = { timestamp: null, content: [] };

interface Resource {
  readonly name: string;
  readonly size: number | null;
  readonly disk_size: number | null;
  readonly deduplicated_bytes: number | null;
  readonly reclaimable_bytes: number | null;
  readonly complete: boolean;
  readonly _embedded?: { readonly items?: readonly Resource[]; readonly related?: Resource };
}

const toNode = ({ name, ...rest }: Resource): Node => ({
  name,
  figures: [rest.size, rest.disk_size, rest.deduplicated_bytes, rest.reclaimable_bytes, rest.complete],
  ...(rest._embedded?.related && { tags: (rest._embedded.related._embedded?.items ?? []).map(toNode) }),
});

async function show({ url }: LabService): Promise<Shown> {
  const answer = await fetch(`${url}/repositories?embed=true`, { headers });
  const { timestamp, _embedded } = (await answer.json()) as Resource & { readonly timestamp: number | null };
  return { timestamp, content: (_embedded?.items ?? []).map(toNode) };
}

/** Waits for another snapshot than this one. */
async function showNext(service: LabService, { timestamp }: Shown): Promise<Shown> {
  for (;;) {
    const shown = await show(service);
    if (shown.timestamp !== timestamp && shown.timestamp !== null) return shown;
    await sleep(20);
  }
}

/** Pushes an image with new content. */
async function change(number: number): Promise<void> {
  const name = `killed ${number}`;
  await pusher.image('group/app', number % 3 === 0 ? 'moving' : `k${number}`, {
    config: config(name),
    layers: [layer(name, 100 + number)],
  });
}

/** Returns the figures computed from the disk of the registry. */
function truth(): readonly Node[] {
  const { repositories } = readGroundTruth(lab.registry.storageDirectory);
  return repositories
    .map(({ tags, ...repository }) => ({ ...trueNode(repository), tags: tags.map(trueNode) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function trueNode({ name, size, diskSize, deduplicated, reclaimable, isIncomplete }: TrueFigures & { name: string }) {
  return { name, figures: [size, diskSize, deduplicated, reclaimable, !isIncomplete] };
}

test(`shows the last snapshot after each of ${KILLS} kills during a crawl, and then the correct figures`, async () => {
  const first = await start();
  headers = await signIn(first);
  let last = await showNext(first, NOTHING);
  await first.kill();
  const slowest = { restartMs: 0 };
  let finished = 0;
  for (let number = 1; number <= KILLS; number++) {
    await change(number);
    const killed = await start();
    // Multiples of the golden ratio spread the kills evenly over the crawl.
    await sleep(((number * 0.618_034) % 1) * LONGEST_MS);
    const atTheEnd = await show(killed);
    await killed.kill();

    const startedAt = performance.now();
    const restarted = await start();
    const shown = await show(restarted);
    slowest.restartMs = Math.max(slowest.restartMs, performance.now() - startedAt);
    // The last snapshot, or a new one if the crawl finished before the kill.
    const isNew = shown.timestamp !== last.timestamp;
    expect(isNew ? [] : [last.content], `kill ${number}`).toEqual(isNew ? [] : [shown.content]);
    if (atTheEnd.timestamp !== last.timestamp) expect(isNew).toBe(true);
    if (isNew) finished++;
    last = await showNext(restarted, shown);
    expect(last.content, `kill ${number}`).toEqual(truth());
    await restarted.kill();
  }
  console.log(`the slowest restart took ${Math.round(slowest.restartMs)} ms; ${finished} kills came too late`);
  expect(finished).toBeLessThan(KILLS / 2);
});
