import { join } from 'node:path';
import { run } from './run.ts';

/** A program that is published as a Go module, at a fixed version. */
export interface GoProgram {
  /** The import path of the package. */
  readonly path: string;
  readonly version: string;
  /** The oldest minor version of Go 1 that the module accepts. */
  readonly goMinor: number;
}

export const DISTRIBUTION_3: GoProgram = {
  path: 'github.com/distribution/distribution/v3/cmd/registry',
  version: 'v3.1.2',
  goMinor: 26,
};

/** The program contains a small registry, `crane registry serve`. */
export const CRANE: GoProgram = {
  path: 'github.com/google/go-containerregistry/cmd/crane',
  version: 'v0.22.1',
  goMinor: 25,
};

/** Returns why the program cannot be built here, or undefined if it can. */
export async function whyNotBuildable({ goMinor }: GoProgram): Promise<string | undefined> {
  const wanted = `Go 1.${goMinor} or newer`;
  try {
    const { stdout } = await run('go', ['env', 'GOVERSION']);
    const version = stdout.trim();
    const minor = /^go1\.(\d+)/.exec(version)?.[1];
    return Number(minor) >= goMinor ? undefined : `this needs ${wanted}, and ${version} is installed`;
  } catch {
    return `this needs ${wanted}, and no Go is installed`;
  }
}

/**
 * Builds the program into an empty directory and returns its path. The first build on a machine downloads the module and takes minutes; later ones take
 * seconds, because Go keeps a build cache.
 */
export async function buildGoProgram({ path, version }: GoProgram, directory: string): Promise<string> {
  await run('go', ['install', `${path}@${version}`], { env: { ...process.env, GOBIN: directory } });
  return join(directory, path.slice(path.lastIndexOf('/') + 1));
}
