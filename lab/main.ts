import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { pushSampleContent } from './content.ts';
import { PEOPLE, startDirectory, VALID_GID } from './directory.ts';
import { createPusher } from './push.ts';
import { type LabRegistry, startRegistry } from './registry.ts';
import { type LabService, startService } from './service.ts';
import { startTokenService } from './token-service.ts';

const ACCESS_TOKEN = 'demo-access-token';
const SECRET_KEY = 'a secret key for the demo, and for nothing else';
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** What has been started, to be stopped in the opposite order. */
const started: (() => Promise<void>)[] = [];

/** Ctrl-C, a closed terminal, a reader of our output who has gone: then nothing more is started, and all that was is stopped. */
const interrupted = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => interrupted.abort());
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => interrupted.abort());

async function demo(): Promise<void> {
  say('Starting a token service, OpenLDAP and a registry, each on a free port of 127.0.0.1 ...');
  const tokens = await keep(
    startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]),
    'stop',
  );
  const directory = await keep(startDirectory(), 'remove');
  const registry = await keep(startRegistry({ tokens, accessLog: false }), 'remove');
  say('Pushing sample images ...');
  await unlessInterrupted(pushSampleContent(createPusher(registry, tokens)));
  const service = await keep(
    startService({
      ldap: { host: directory.ldapsUrl, base_dn: directory.baseDn, valid_gid: VALID_GID, ca_file: directory.caFile },
      jwt: { secret_key: SECRET_KEY },
      registry: {
        gitlab_base_url: tokens.url,
        registry_base_url: registry.url,
        username: 'crawler',
        access_token: ACCESS_TOKEN,
      },
    }),
    'stop',
  );
  const ended = service.child.ended.then((code) => {
    throw new Error(`the service has ended with ${code}, and said:\n${service.child.output()}`);
  });
  await unlessInterrupted(Promise.race([isReady(service), ended]));
  say(invitation(service, registry));
  process.stdout.write(service.child.output());
  service.child.onOutput((text) => process.stdout.write(text));
  await unlessInterrupted(ended);
}

/** Starting is never left half done: what an interruption finds under way is waited for, and then stopped like the rest. */
async function keep<K extends string, T extends { readonly [key in K]: () => Promise<void> }>(
  starting: Promise<T>,
  stop: K,
): Promise<T> {
  const part = await starting;
  started.push(() => part[stop]());
  interrupted.signal.throwIfAborted();
  return part;
}

/** For what leaves nothing behind where it is not waited for. */
async function unlessInterrupted(work: Promise<unknown>): Promise<void> {
  await Promise.race([work, once(interrupted.signal, 'abort')]);
  interrupted.signal.throwIfAborted();
}

/** Waits for the first collection, so that there is something to see. */
async function isReady({ url }: LabService): Promise<void> {
  const ready = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!interrupted.signal.aborted && !(await ready())) await sleep(100);
}

function invitation({ url, configFile }: LabService, registry: LabRegistry): string {
  const [alice] = PEOPLE;
  const token = `$(curl -s -u ${alice?.uid}:${alice?.password} ${url}/auth_token | cut -d '"' -f 4)`;
  return `
The service runs.

  URL            ${url}
  user           ${alice?.uid}
  password       ${alice?.password}
  configuration  ${configFile}
  registry       ${registry.url}

In another terminal:

  curl -s -H "Authorization: Bearer ${token}" '${url}/repositories?embed=1'

Ctrl-C stops all of it. What the service says follows.
`;
}

let exitCode = 0;
try {
  await demo();
} catch (error) {
  if (interrupted.signal.aborted) {
    say('\nStopping ...');
  } else {
    process.stderr.write(`The demo ends: ${error instanceof Error ? error.message : String(error)}\n`);
    exitCode = 1;
  }
}
for (const stop of started.reverse()) await stop().catch((error: unknown) => say(String(error)));
process.exit(exitCode);
