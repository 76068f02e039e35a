import { type Browser, chromium } from 'playwright-core';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** A real Chromium: Debian's, which shows nothing on any screen, and asks nobody for anything of its own. */
export interface LabBrowser extends Pick<Browser, 'newPage'> {
  stop(): Promise<void>;
}

export function startBrowser(): Promise<LabBrowser> {
  return inNewDirectory('browser', async (directory) => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      // It looks at pages of ours only: root may not use its sandbox, and containers are short of shared memory.
      args: [
        '--no-sandbox',
        '--disable-dev-shm-usage',
        '--disable-gpu',
        '--disable-quic',
        '--disable-component-update',
      ],
      env: { ...process.env, HOME: directory, XDG_CONFIG_HOME: directory, XDG_CACHE_HOME: directory },
    });
    return {
      newPage: (options) => browser.newPage(options),
      async stop() {
        await browser.close();
        await removeDirectory(directory);
      },
    };
  });
}
