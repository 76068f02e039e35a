import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startListening } from './child.ts';
import type { LabNginx } from './nginx.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** Switches off the administration port and automatic certificates. */
const GLOBAL_OPTIONS = '{\n\tadmin off\n\tauto_https off\n}\n';

/**
 * Starts Debian's Caddy.
 *
 * @param blockFor returns the Caddyfile after the global options, for a port of 127.0.0.1
 */
export function startCaddy(blockFor: (port: number) => string): Promise<LabNginx> {
  return inNewDirectory('caddy', async (directory) => {
    const port = await freePort();
    const configFile = join(directory, 'Caddyfile');
    await writeFile(configFile, GLOBAL_OPTIONS + blockFor(port));
    const homes = { HOME: directory, XDG_DATA_HOME: directory, XDG_CONFIG_HOME: directory };
    const parameters = ['run', '--config', configFile, '--adapter', 'caddyfile'];
    const child = await startListening('/usr/bin/caddy', parameters, port, { env: { ...process.env, ...homes } });
    return {
      port,
      output: child.output,
      async stop() {
        await child.stop();
        await removeDirectory(directory);
      },
    };
  });
}
