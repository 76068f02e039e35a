// A pattern for names with slashes:
//
//   ?     one character, and no slash          group/app-?     group/app-1
//   *     any characters, and no slash         group/*         group/app, not group/app/cache
//   **    any characters                       group/**        group/app, group/app/cache, not group
//   **/   any directories, or none at all      **/cache        cache, group/app/cache
//
// The matcher tracks the set of all positions in the pattern that are possible after each character. So a hostile name takes at most as many steps as
// its length times the length of the pattern; a regular expression with several stars would backtrack.

type Step =
  | { readonly kind: 'character'; readonly character: string }
  // `**/` at the start of a name or directory matches either nothing, or the two steps that follow.
  | { readonly kind: 'directories' }
  | { readonly kind: 'one' | 'some' | 'any' };

export type Glob = (name: string) => boolean;

/** Returns whether the text is a pattern, and not just a name. */
export function isGlob(text: string): boolean {
  return /[*?]/.test(text);
}

/** Returns whether a whole name matches the pattern; case-sensitive. */
export function createGlob(pattern: string): Glob {
  const steps = (pattern.match(/(?<=^|\/)\*\*\/|\*+|[^*]/gs) ?? []).flatMap(stepsOf);
  return (name) => {
    let places = new Set<number>();
    enter(steps, 0, places);
    for (const character of name) {
      const next = new Set<number>();
      for (const place of places) advance(steps, place, character, next);
      places = next;
    }
    return places.has(steps.length);
  };
}

function stepsOf(text: string): readonly Step[] {
  if (text === '**/') return [{ kind: 'directories' }, { kind: 'any' }, { kind: 'character', character: '/' }];
  if (text.startsWith('*')) return [{ kind: text === '*' ? 'some' : 'any' }];
  return [text === '?' ? { kind: 'one' } : { kind: 'character', character: text }];
}

/** Adds a position, and all positions that can be reached from it without a character. */
function enter(steps: readonly Step[], place: number, places: Set<number>): void {
  places.add(place);
  const kind = steps[place]?.kind;
  if (kind === 'some' || kind === 'any' || kind === 'directories') enter(steps, place + 1, places);
  if (kind === 'directories') enter(steps, place + 3, places);
}

function advance(steps: readonly Step[], place: number, character: string, next: Set<number>): void {
  const step = steps[place];
  if (step?.kind === 'any' || (step?.kind === 'some' && character !== '/')) enter(steps, place, next);
  const isStepped =
    (step?.kind === 'one' && character !== '/') || (step?.kind === 'character' && step.character === character);
  if (isStepped) enter(steps, place + 1, next);
}
