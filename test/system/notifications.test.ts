import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { config, layer } from '../../lab/images.ts';
import { createPusher } from '../../lab/push.ts';
import { type LabRegistry, type LabRegistryOptions, startRegistry } from '../../lab/registry.ts';
import { config as configured, GOOD } from '../support/config-sample.ts';
import { createTestServer, type TestServer } from '../support/server.ts';

/* A real registry sends notifications to the server, configured with the samples of docs/notifications.md. */
const SECRET = 'the secret of this run';
const PAGE = readFileSync('docs/notifications.md', 'utf8');
const SAMPLE = { url: 'https://usage.example.com/events', secret: 'replace-this-by-a-long-secret' };

let listener: TestServer;
let url: string;
let registry: LabRegistry | undefined;

beforeEach(async () => {
  listener = createTestServer({ events: { secret: SECRET }, clock: Date.now });
  url = `${await listener.server.listen({ host: '127.0.0.1', port: 0 })}/usage/events`;
});

afterEach(async () => {
  await registry?.remove();
  await listener.server.close();
});

async function start(options: LabRegistryOptions): Promise<LabRegistry> {
  registry = await startRegistry(options);
  return registry;
}

/** Returns the code block in that language in the page, with the URL and secret of this test. */
function sample(language: string): string {
  const block = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(PAGE)?.[1] ?? '';
  expect(block).toContain(SAMPLE.secret);
  return block.replace(SAMPLE.url, url).replace(SAMPLE.secret, SECRET);
}

async function heard(isHeard: () => boolean): Promise<void> {
  for (let tries = 0; !isHeard(); tries++) {
    if (tries > 5000) throw new Error(`not heard; the log says:\n${listener.log.join('\n')}\n${registry?.output()}`);
    await sleep(20);
  }
}

const changes = (): readonly string[] => listener.changed.flat();
const isChanged = (name: string) => () => changes().includes(name);

async function pull(name: string, reference: string, userAgent: string): Promise<void> {
  const headers = { accept: 'application/vnd.oci.image.manifest.v1+json', 'user-agent': userAgent };
  const answer = await fetch(`${registry?.url}/v2/${name}/manifests/${reference}`, { headers });
  expect(answer.status).toBe(200);
  await answer.arrayBuffer();
}

const image = { config: config('image'), layers: [layer('image', 100)] };
const other = { config: config('other'), layers: [layer('other', 100)] };

describe('a registry that sends all events', () => {
  test('reports pushes, moved tags and deletions as changes, and layers not', async () => {
    const pusher = createPusher(await start({ notifications: { url, secret: SECRET } }));
    await pusher.blob('group/layers', layer('alone', 100));
    const { digest } = await pusher.image('group/app', '1.0', image);
    await heard(() => changes().length === 1);
    await pusher.image('group/app', '1.0', other);
    await heard(() => changes().length === 2);
    await pusher.deleteManifest('group/app', digest);
    await heard(() => changes().length === 3);
    expect(new Set(changes())).toEqual(new Set(['group/app']));
    expect(listener.log.every(({ fields }) => fields['status'] === 202)).toBe(true);
  });

  test('reports pulls of tags and digests, except those of the service itself', async () => {
    const pusher = createPusher(await start({ notifications: { url, secret: SECRET } }));
    const startedAt = Date.now();
    const { digest } = await pusher.image('group/app', '1.0', image);
    await pull('group/app', '1.0', 'gitlab-registry-usage-rest/1.0.0');
    await pull('group/app', '1.0', 'docker/27.0');
    await pull('group/app', digest, 'docker/27.0');
    await pusher.image('end', '1.0', image);
    await heard(() => isChanged('end')() && listener.pulled.length >= 3);
    expect(listener.pulled.map(({ repository, reference }) => `${repository} ${reference}`)).toEqual([
      'group/app 1.0',
      `group/app ${digest}`,
      `group/app ${digest}`,
    ]);
    for (const { at } of listener.pulled) {
      expect(at).toBeGreaterThanOrEqual(startedAt);
      expect(at).toBeLessThanOrEqual(Date.now());
    }
  });

  test('sends events again that the service could not receive', async () => {
    await listener.server.close();
    const pusher = createPusher(await start({ notifications: { url, secret: SECRET } }));
    await pusher.image('group/app', '1.0', image);
    listener = createTestServer({ events: { secret: SECRET }, clock: Date.now });
    await listener.server.listen({ host: '127.0.0.1', port: Number(new URL(url).port) });
    await heard(isChanged('group/app'));
  });
});

describe('docs/notifications.md', () => {
  test('shows a valid configuration of the service', () => {
    expect(configured(`${GOOD}${sample('ini')}`).events.secret).toBe(SECRET);
  });

  test('shows a registry configuration that works, and sends no events about layers', async () => {
    const pusher = createPusher(await start({ furtherYaml: sample('yaml') }));
    const { digest } = await pusher.image('group/app', '1.0', image);
    await pull('group/app', '1.0', 'docker/27.0');
    await pusher.deleteManifest('group/app', digest);
    await heard(() => changes().length > 1 && listener.pulled.length > 0);
    await pusher.image('end', '1.0', image);
    await heard(() => isChanged('end')() && listener.log.length >= 5);
    // The events are: pushed, pulled, deleted by digest and by tag, pushed. None is about the layers and configs, which were pushed too.
    expect(listener.log.map(({ fields }) => fields['status'])).toEqual(new Array(5).fill(202));
  });

  test('shows how to turn off events about pulls', async () => {
    const furtherYaml = sample('yaml').replace('actions: []', 'actions: [pull]');
    expect(furtherYaml).toContain('[pull]');
    const pusher = createPusher(await start({ furtherYaml }));
    await pusher.image('group/app', '1.0', image);
    await pull('group/app', '1.0', 'docker/27.0');
    await pusher.image('end', '1.0', image);
    await heard(() => isChanged('end')() && listener.log.length >= 2);
    expect(listener.pulled).toEqual([]);
    expect(listener.log).toHaveLength(2);
  });

  test('shows a curl command that succeeds, and fails without the secret', async () => {
    const command = sample('sh');
    expect(command).toContain(`curl -i ${url} \\\n`);
    const [body = ''] = [...command.matchAll(/ -d '([^']+)'/g)].map(([, text = '']) => text);
    const headers = [...command.matchAll(/ -H '([^:]+): ([^']+)'/g)].map(
      ([, name = '', value = '']) => [name, value] as [string, string],
    );
    const answer = await fetch(url, { method: 'POST', headers, body });
    expect([answer.status, await answer.text()]).toEqual([202, '']);
    expect(changes()).toEqual(['group/project/image']);
    const refused = await fetch(url, { method: 'POST', headers: headers.slice(1), body });
    expect(refused.status).toBe(401);
  });
});
