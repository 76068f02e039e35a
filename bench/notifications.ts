import { setTimeout as sleep } from 'node:timers/promises';
import { config, layer } from '../lab/images.ts';
import { layOutRegistry, repositoryName } from '../lab/layout.ts';
import { createPusher, type Pusher } from '../lab/push.ts';
import { type LabRegistry, startRegistry } from '../lab/registry.ts';
import { relay } from '../lab/relay.ts';
import { type Served, serve } from '../lab/serve.ts';
import { type LabService, startService } from '../lab/service.ts';
import { type LabTokenService, startTokenService } from '../lab/token-service.ts';
import { median, secondsFrom } from './median.ts';
import { ask, EVENTS_SECRET, settingsFor, shown } from './service.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const PUSHES = 20;
/** So long that nothing of the push before is left. */
const ALONE_MS = 5000;
const LOOK_EVERY_MS = 20;

/** From the registry's answer to a push until the API shows the tag: a registry of 10,000 tags that notifies, and the service as it runs. */
export async function benchNotifications(): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const front = await startFront();
  const registry = await startRegistry({ tokens, accessLog: false, notifications: front.notifications });
  await layOutRegistry(registry.storageDirectory, SIZE);
  const service = await startService(settingsFor(registry.url, tokens.url));
  try {
    front.leadsTo(service);
    await shown(service);
    return {
      tags: SIZE.repositories * SIZE.tagsPerRepository,
      alone: await pushToShown(service, registry, tokens, { pushes: PUSHES, pauseMs: ALONE_MS }),
      oneAfterTheOther: await pushToShown(service, registry, tokens, { pushes: PUSHES, pauseMs: 0 }),
    };
  } finally {
    await service.stop();
    await Promise.all([registry.remove(), front.stop()]);
    await tokens.stop();
  }
}

/** Where a registry sends its notifications that has to be there before the service is. */
export interface Front extends Pick<Served, 'stop'> {
  readonly notifications: { readonly url: string; readonly secret: string };
  leadsTo(service: LabService): void;
}

export async function startFront(): Promise<Front> {
  let target: LabService | undefined;
  const { url, stop } = await serve((request, response) => {
    if (target === undefined) response.writeHead(503).end();
    else relay(request, response, target.url);
  });
  return {
    notifications: { url: `${url}/events`, secret: EVENTS_SECRET },
    leadsTo(service) {
      target = service;
    },
    stop,
  };
}

/** Pushes a new tag to one repository after the other, and waits for each to be shown. */
export async function pushToShown(
  service: LabService,
  registry: LabRegistry,
  tokens: LabTokenService,
  { pushes, pauseMs }: { readonly pushes: number; readonly pauseMs: number },
): Promise<object> {
  const pusher = createPusher(registry, tokens);
  const all: number[] = [];
  for (let number = 0; number < pushes; number++) {
    await sleep(pauseMs);
    all.push(await timedPush(service, pusher, repositoryName(number), `pushed-${pauseMs}-${number}`));
  }
  return { medianSeconds: median(all), worstSeconds: Math.max(...all), all };
}

async function timedPush(service: LabService, pusher: Pusher, repository: string, tag: string): Promise<number> {
  const image = { config: config(tag), layers: [layer(tag, 1000)] };
  await pusher.image(repository, tag, image);
  const startedAt = performance.now();
  const path = `/repositories/${encodeURIComponent(repository)}/tags/${tag}`;
  while ((await ask(service, path)).status !== 200) await sleep(LOOK_EVERY_MS);
  return secondsFrom(startedAt);
}
