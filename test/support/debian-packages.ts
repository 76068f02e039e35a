import { run } from '../../lab/run.ts';

const SCRIPT = new URL('../../scripts/install-debian-packages', import.meta.url).pathname;

/** Installs the missing packages. apt stays in the process group of the tests, so that sudo can ask for a password in their terminal. */
export async function installDebianPackages(...packages: readonly string[]): Promise<void> {
  await run(SCRIPT, packages, { isDetached: false });
}
