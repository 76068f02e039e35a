import { type Browser, chromium } from 'playwright-core';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** Debian's Chromium, headless, with its own network requests (updates and the like) switched off. */
export interface LabBrowser extends Pick<Browser, 'newPage'> {
  stop(): Promise<void>;
}

export function startBrowser(): Promise<LabBrowser> {
  return inNewDirectory('browser', async (directory) => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      // The browser opens only pages of the tests. The sandbox does not work for root, and containers have little shared memory.
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
