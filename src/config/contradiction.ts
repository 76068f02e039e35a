/** Values that are valid alone but not together. */
export interface Contradiction {
  readonly section: string;
  /** The key that the operator should look at; of several, the first one that is set. */
  readonly keys: readonly string[];
  readonly message: string;
  /** The key that the message says is not set. If some place sets it to an empty value, the problem names that place. */
  readonly without?: string;
}
