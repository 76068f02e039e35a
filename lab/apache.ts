import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { freePort, startListening } from './child.ts';
import type { LabNginx } from './nginx.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

const MODULES = ['mpm_event', 'authz_core', 'ssl', 'proxy', 'proxy_http'];

/**
 * Starts Debian's Apache.
 *
 * @param blockFor returns the configuration after `Listen`, for a port of 127.0.0.1
 */
export function startApache(blockFor: (port: number) => string): Promise<LabNginx> {
  return inNewDirectory('apache', async (directory) => {
    const port = await freePort();
    const [configFile, logFile] = [join(directory, 'apache.conf'), join(directory, 'error.log')];
    await writeFile(logFile, '');
    await writeFile(configFile, config({ directory, port, logFile, block: blockFor(port) }));
    const child = await startListening('/usr/sbin/apache2', ['-f', configFile, '-D', 'FOREGROUND'], port);
    return {
      port,
      output: () => child.output() + readFileSync(logFile, 'utf8'),
      async stop() {
        await child.stop();
        await removeDirectory(directory);
      },
    };
  });
}

interface Parts {
  readonly directory: string;
  readonly port: number;
  readonly logFile: string;
  readonly block: string;
}

/** Returns a configuration with which Apache runs as a child process and writes only to `directory`. */
function config({ directory, port, logFile, block }: Parts): string {
  return [
    ...MODULES.map((name) => `LoadModule ${name}_module /usr/lib/apache2/modules/mod_${name}.so`),
    // Apache refuses to run its workers as root.
    ...(process.getuid?.() === 0 ? ['User www-data', 'Group www-data'] : []),
    `ServerRoot ${directory}`,
    `DefaultRuntimeDir ${directory}`,
    `PidFile ${join(directory, 'apache.pid')}`,
    `ErrorLog ${logFile}`,
    'ServerName localhost',
    'StartServers 1',
    `Listen 127.0.0.1:${port}`,
    block,
    '',
  ].join('\n');
}
