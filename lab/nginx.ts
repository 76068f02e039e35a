import { writeFile } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort, startListening } from './child.ts';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** A web server on a port of 127.0.0.1. */
export interface LabNginx {
  readonly port: number;
  output(): string;
  stop(): Promise<void>;
}

/**
 * Starts Debian's nginx.
 *
 * @param blockFor returns the content of `http { … }`, for a port of 127.0.0.1
 */
export function startNginx(blockFor: (port: number) => string): Promise<LabNginx> {
  return inNewDirectory('nginx', async (directory) => {
    const port = await freePort();
    const configFile = join(directory, 'nginx.conf');
    await writeFile(configFile, config(directory, blockFor(port)));
    const child = await startListening('/usr/sbin/nginx', ['-c', configFile, '-e', 'stderr'], port);
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

/** Returns a configuration with which nginx runs as a child process and writes only to `directory`. */
function config(directory: string, block: string): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  return [
    // By default, the workers run as another user, who may not enter the directory.
    ...(process.getuid?.() === 0 ? [`user ${userInfo().username};`] : []),
    'daemon off;',
    'worker_processes 1;',
    `pid ${join(directory, 'nginx.pid')};`,
    'error_log stderr warn;',
    'events { worker_connections 256; }',
    'http {',
    'access_log off;',
    ...temporary.map((name) => `${name}_temp_path ${join(directory, name)};`),
    block,
    '}',
    '',
  ].join('\n');
}
