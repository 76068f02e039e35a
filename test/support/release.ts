import { afterAll } from 'vitest';
import { releaseAll } from '../../lab/resources.ts';

/* Vitest loads this before each test file: whatever the tests of the file have started with the means of the lab, and not stopped, ends with them. */

afterAll(releaseAll);
