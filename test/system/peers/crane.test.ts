import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Child, freePort, startListening } from '../../../lab/child.ts';
import { buildGoProgram, CRANE, whyNotBuildable } from '../../../lab/go-program.ts';
import { config, layer } from '../../../lab/images.ts';
import { createPusher } from '../../../lab/push.ts';
import { makeDirectory, removeDirectory } from '../../../lab/temporary.ts';
import { crawlLab } from '../../support/crawl-lab.ts';
import { setSlowTimeLimits } from '../../support/time-limits.ts';

setSlowTimeLimits();

/* Reads the registry of go-containerregistry, which cuts each listing after `n` names and sends no link to the next page. */

const REPOSITORIES = 1145;
const TAGS = 1500;

const reason = await whyNotBuildable(CRANE);
if (reason !== undefined) console.warn(`skips the tests with the registry of crane: ${reason}`);

describe.skipIf(reason !== undefined)('the registry of crane', () => {
  let directory: string;
  let registry: { readonly url: string };
  let child: Child;

  beforeAll(async () => {
    directory = makeDirectory('crane');
    const program = await buildGoProgram(CRANE, directory);
    const port = await freePort();
    child = await startListening(program, ['registry', 'serve', '--address', `127.0.0.1:${port}`], port);
    registry = { url: `http://127.0.0.1:${port}` };
    const pusher = createPusher(registry);
    const image = { config: config('image'), layers: [layer('image', 100)] };
    for (let i = 1; i < REPOSITORIES; i++) await pusher.image(`group/project-${i}`, 'latest', image);
    for (let i = 0; i < TAGS; i++) await pusher.image('group/tags', `v${i}`, image);
  });

  afterAll(async () => {
    await child.stop();
    await removeDirectory(directory);
  });

  test('is read whole: every repository and every tag', async () => {
    const { repositories, figures, gaps } = await crawlLab({ registry });
    expect(gaps).toEqual([]);
    expect(figures.isComplete).toBe(true);
    expect(repositories).toHaveLength(REPOSITORIES);
    expect(repositories.find(({ name }) => name === 'group/tags')?.tags).toHaveLength(TAGS);
  });
});
