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
import { EVENTS_SECRET, getJson, settingsFor, shownSnapshot } from './service.ts';

const SIZE = { repositories: 200, tagsPerRepository: 50, layersPerTag: 10 };
const PUSHES = 20;
/** Long enough that the work of the previous push is done. */
const ALONE_MS = 5000;
const LOOK_EVERY_MS = 20;

/** Measures the time from the registry's response to a push until the API shows the tag, with a registry of 10,000 tags that sends notifications. */
export async function benchNotifications(): Promise<object> {
  const tokens = await startTokenService([{ username: 'crawler', accessToken: 'secret', isAdmin: true }]);
  const relayed = await startNotificationRelay();
  const registry = await startRegistry({ tokens, accessLog: false, notifications: relayed.notifications });
  await layOutRegistry(registry.storageDirectory, SIZE);
  const service = await startService(settingsFor(registry.url, tokens.url));
  try {
    relayed.forwardTo(service);
    await shownSnapshot(service);
    return {
      tags: SIZE.repositories * SIZE.tagsPerRepository,
      alone: await pushToShown(service, registry, tokens, { pushes: PUSHES, pauseMs: ALONE_MS }),
      oneAfterTheOther: await pushToShown(service, registry, tokens, { pushes: PUSHES, pauseMs: 0 }),
    };
  } finally {
    await service.stop();
    await Promise.all([registry.remove(), relayed.stop()]);
    await tokens.stop();
  }
}

/** Receives the notifications of a registry, which starts before the service, and forwards them to the service. */
export interface NotificationRelay extends Pick<Served, 'stop'> {
  readonly notifications: { readonly url: string; readonly secret: string };
  forwardTo(service: LabService): void;
}

export async function startNotificationRelay(): Promise<NotificationRelay> {
  let target: LabService | undefined;
  const { url, stop } = await serve((request, response) => {
    if (target === undefined) response.writeHead(503).end();
    else relay(request, response, target.url);
  });
  return {
    notifications: { url: `${url}/events`, secret: EVENTS_SECRET },
    forwardTo(service) {
      target = service;
    },
    stop,
  };
}

/** Pushes a new tag to one repository after the other, and waits until the API shows each. */
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
  while ((await getJson(service, path)).status !== 200) await sleep(LOOK_EVERY_MS);
  return secondsFrom(startedAt);
}
