/* What the programs of the benchmark `bounded` have in common. */

export const SECRET_KEY = 'a secret key for the bench, and for nothing else';

/** Returns the name of a repository of the large registry. */
export function largeRepositoryName(number: number): string {
  return `group-${number % 40}/project-${number % 400}/image-${number}`;
}
