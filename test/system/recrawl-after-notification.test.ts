import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { freePort } from '../../lab/child.ts';
import { config, layer } from '../../lab/images.ts';
import { createPusher, type Pusher } from '../../lab/push.ts';
import type { LabService } from '../../lab/service.ts';
import { signIn, startWholeLab, type WholeLab, waitForLog } from '../support/whole-lab.ts';

/* A real registry notifies the real service, which shows pushed, moved and deleted tags soon, and reads only that repository. */

const SECRET = 'the secret of these notifications';

let lab: WholeLab;
let service: LabService;
let pusher: Pusher;
let headers: Record<string, string>;

beforeAll(async () => {
  const port = await freePort();
  lab = await startWholeLab({ notifications: { url: `http://127.0.0.1:${port}/events`, secret: SECRET } });
  pusher = createPusher(lab.registry, lab.tokens);
  service = await lab.start({ general: { socket_port: port }, events: { secret: SECRET } });
  headers = await signIn(service);
  await waitForLog(service, 'crawl finished');
  // The registry now sends the events again that it could not deliver before the service was started.
  await shown('/repositories', () => true);
  await settled();
});

afterAll(async () => {
  await service.stop();
  await lab.remove();
});

/** Waits until the recrawl queue has been empty for two seconds. */
async function settled(): Promise<void> {
  for (let quiet = 0; quiet < 20; await sleep(100)) {
    const state = (await answer('/collection')) as { noticed_repositories_count: number };
    quiet = state.noticed_repositories_count === 0 ? quiet + 1 : 0;
  }
}

async function answer(path: string): Promise<Record<string, unknown>> {
  const response = await fetch(`${service.url}${path}`, { headers });
  return { status: response.status, ...((await response.json()) as object) };
}

/** Waits until the response fulfils the condition. Returns the response and the seconds that it took. */
async function shown(path: string, isSo: (answer: Record<string, unknown>) => boolean) {
  const startedAt = performance.now();
  for (;;) {
    const found = await answer(path);
    if (isSo(found)) return { found, seconds: (performance.now() - startedAt) / 1000 };
    if (performance.now() - startedAt > 50_000) throw new Error(`${path} stays ${JSON.stringify(found)}`);
    await sleep(50);
  }
}

const image = (name: string) => ({ config: config(name), layers: [layer(name, 5000)] });

/** Returns a function that lists the requests of the service since now, according to the registry's log. */
function recordRequests(): () => readonly string[] {
  const before = lab.registry.output().length;
  return () =>
    [
      ...lab.registry
        .output()
        .slice(before)
        .matchAll(/"(GET|HEAD) (\S+) HTTP[^"]*" \d+ \d+ "[^"]*" "gitlab-registry-usage-rest/g),
    ].map(([, method, path]) => `${method} ${path}`);
}

test('shows a pushed, moved and deleted tag within seconds, and reads only its repository', async () => {
  const requestsSince = recordRequests();
  const seconds: number[] = [];
  const first = await pusher.image('group/notified', 'v1', image('first'));
  const pushed = await shown('/repositories/group%2Fnotified/tags/v1', ({ digest }) => digest === first.digest);
  expect(pushed.found).toMatchObject({ status: 'ok', size: image('first').layers[0]?.bytes.length, complete: true });

  const second = await pusher.image('group/notified', 'v1', image('second'));
  const moved = await shown('/repositories/group%2Fnotified/tags/v1', ({ digest }) => digest === second.digest);

  await pusher.image('group/notified', 'v2', image('first'));
  const retagged = await shown('/repositories/group%2Fnotified/tags/v2', ({ digest }) => digest === first.digest);

  await pusher.deleteManifest('group/notified', second.digest);
  const deleted = await shown('/repositories/group%2Fnotified/tags/v1', ({ status }) => status === 404);

  seconds.push(...[pushed, moved, retagged, deleted].map((one) => one.seconds));
  console.log(`shown after ${seconds.map((one) => one.toFixed(1)).join(', ')} s`);
  const requests = requestsSince();
  expect(requests.length).toBeGreaterThan(4);
  expect(requests.filter((request) => !request.includes(' /v2/group/notified/'))).toEqual([]);
  expect(requests.filter((request) => request.includes('_catalog'))).toEqual([]);
  // Each of the two manifests is read once.
  const manifests = requests.filter((request) => request.startsWith('GET /v2/group/notified/manifests/'));
  expect(manifests).toHaveLength(2);
});

test('shows a pull with the next snapshot, and ignores its own requests', async () => {
  const { last_pulled_at: before } = await answer('/repositories/group%2Fapp/tags/1.0');
  expect(before).toBeNull();
  const token = await lab.tokens.mint([{ type: 'repository', name: 'group/app', actions: ['pull'] }]);
  const pulled = await fetch(`${lab.registry.url}/v2/group/app/manifests/1.0`, {
    headers: { authorization: `Bearer ${token}`, accept: 'application/vnd.docker.distribution.manifest.v2+json' },
  });
  expect(pulled.status).toBe(200);
  await pusher.image('group/notified', 'after the pull'.replaceAll(' ', '-'), image('third'));
  const { found } = await shown('/repositories/group%2Fapp/tags/1.0', ({ last_pulled_at }) => last_pulled_at !== null);
  expect(Math.abs(Date.parse(String(found['last_pulled_at'])) - Date.now())).toBeLessThan(600_000);
  expect((await answer('/repositories/group%2Fapp/tags/1.1'))['last_pulled_at']).toBeNull();
});
