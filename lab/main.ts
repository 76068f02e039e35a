import { setTimeout as sleep } from 'node:timers/promises';
import { pushSampleContent } from './content.ts';
import { PEOPLE, startDirectory, VALID_GID } from './directory.ts';
import { createPusher } from './push.ts';
import { type LabRegistry, startRegistry } from './registry.ts';
import { exitOnSignals } from './resources.ts';
import { type LabService, startService } from './service.ts';
import { startTokenService } from './token-service.ts';

const ACCESS_TOKEN = 'demo-access-token';
/** At least 32 bytes, as the service requires. */
const SECRET_KEY = 'a secret key that is only for this demo';
const say = (text: string): void => void process.stdout.write(`${text}\n`);

/** Runs until a signal arrives or the service ends. All processes and directories are released when this process exits (resources.ts). */
async function demo(): Promise<never> {
  say('Starting a token service, OpenLDAP and a registry, each on a free port of 127.0.0.1 ...');
  const tokens = await startTokenService([{ username: 'crawler', accessToken: ACCESS_TOKEN, isAdmin: true }]);
  const directory = await startDirectory();
  const registry = await startRegistry({ tokens, accessLog: false });
  say('Pushing sample images ...');
  await pushSampleContent(createPusher(registry, tokens));
  const service = await startService({
    ldap: { host: directory.ldapsUrl, base_dn: directory.baseDn, valid_gid: VALID_GID, ca_file: directory.caFile },
    jwt: { secret_key: SECRET_KEY },
    registry: {
      gitlab_base_url: tokens.url,
      registry_base_url: registry.url,
      username: 'crawler',
      access_token: ACCESS_TOKEN,
    },
  });
  const ended = service.child.ended.then((code) => {
    throw new Error(`the service has exited with code ${code}. Its output:\n${service.child.output()}`);
  });
  await Promise.race([waitUntilReady(service), ended]);
  say(instructions(service, registry));
  process.stdout.write(service.child.output());
  service.child.onOutput((text) => process.stdout.write(text));
  return ended;
}

/** Waits for the first snapshot, so that the API has figures to show. */
async function waitUntilReady({ url }: LabService): Promise<void> {
  const ready = () =>
    fetch(`${url}/health/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  while (!(await ready())) await sleep(100);
}

function instructions({ url, configFile }: LabService, registry: LabRegistry): string {
  const [alice] = PEOPLE;
  const token = `$(curl -s -u ${alice?.uid}:${alice?.password} ${url}/auth_token | cut -d '"' -f 4)`;
  return `
The service is running.

  URL            ${url}
  user           ${alice?.uid}
  password       ${alice?.password}
  configuration  ${configFile}
  registry       ${registry.url}

In another terminal:

  curl -s -H "Authorization: Bearer ${token}" '${url}/repositories?embed=1'

Ctrl-C stops everything. The log of the service follows.
`;
}

exitOnSignals({ code: 0, before: () => say('\nStopping ...') });
// The reader of the output, such as `head` in a pipe, may close it.
for (const stream of [process.stdout, process.stderr]) stream.on('error', () => process.exit(0));
try {
  await demo();
} catch (error) {
  process.stderr.write(`The demo has failed: ${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}
