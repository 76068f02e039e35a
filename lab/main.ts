import { pushSampleContent } from './content.ts';
import { PEOPLE, startDirectory, VALID_GID } from './directory.ts';
import { createPusher } from './push.ts';
import { startRegistry } from './registry.ts';
import { startService } from './service.ts';
import { startTokenService } from './token-service.ts';

const ACCESS_TOKEN = 'demo-access-token';
const SECRET_KEY = 'a secret key for the demo, and for nothing else';
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** What has been started, to be stopped in the opposite order. */
const started: (() => Promise<void>)[] = [];

async function demo(): Promise<void> {
  say('Starting a token service, OpenLDAP and a registry, each on a free port of 127.0.0.1 ...');
  const tokens = keep(
    await startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]),
    'stop',
  );
  const directory = keep(await startDirectory(), 'remove');
  const registry = keep(await startRegistry({ tokens, accessLog: false }), 'remove');
  say('Pushing sample images ...');
  await pushSampleContent(createPusher(registry, tokens));
  const service = keep(
    await startService({
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
  const [alice] = PEOPLE;
  const token = `$(curl -s -u ${alice?.uid}:${alice?.password} ${service.url}/auth_token | cut -d '"' -f 4)`;
  say(`
The service runs.

  URL            ${service.url}
  user           ${alice?.uid}
  password       ${alice?.password}
  configuration  ${service.configFile}
  registry       ${registry.url}

In another terminal:

  curl -s -H "Authorization: Bearer ${token}" '${service.url}/repositories?embed=1'

Ctrl-C stops all of it. What the service says follows.
`);
  process.stdout.write(service.child.output());
  service.child.onOutput((text) => process.stdout.write(text));
  await service.child.ended;
}

function keep<K extends string, T extends { readonly [key in K]: () => Promise<void> }>(part: T, stop: K): T {
  started.push(() => part[stop]());
  return part;
}

let isStopping = false;

async function stopAll(): Promise<void> {
  if (isStopping) return;
  isStopping = true;
  for (const stop of started.reverse()) await stop().catch((error: unknown) => say(String(error)));
}

for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    say('\nStopping ...');
    void stopAll().then(() => process.exit(0));
  });
}

try {
  await demo();
} catch (error) {
  process.stderr.write(`The demo could not start: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exitCode = 1;
}
await stopAll();
