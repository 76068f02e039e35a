import { type Browser, chromium } from 'playwright-core';
import { inNewDirectory, removeDirectory } from './temporary.ts';

/** Debian's Chromium, headless, with its own network requests (updates and the like) switched off. */
export interface LabBrowser extends Pick<Browser, 'newPage'> {
  stop(): Promise<void>;
}

const PATIENCE_MS = 120_000;

export function startBrowser(): Promise<LabBrowser> {
  return inNewDirectory('browser', async (directory) => {
    const browser = await chromium.launch({
      executablePath: '/usr/bin/chromium',
      timeout: PATIENCE_MS,
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
      async newPage(options) {
        const page = await browser.newPage(options);
        page.setDefaultTimeout(PATIENCE_MS);
        return page;
      },
      async stop() {
        await browser.close();
        await removeDirectory(directory);
      },
    };
  });
}
