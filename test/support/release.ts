import { afterAll } from 'vitest';
import { releaseAll } from '../../lab/resources.ts';

/* Vitest loads this before each test file. It stops the programs of the lab that the tests of the file have started and not stopped. */

afterAll(releaseAll);
