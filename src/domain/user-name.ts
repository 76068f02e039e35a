/**
 * Returns the same text for all spellings of a user name that a directory accepts for one user (RFC 4518, section 2). Also removes accents, as Active
 * Directory does. Use it to revoke tokens and to count failed sign-ins: there, it is better to affect a second user than to miss a spelling.
 */
export function normalizeUserName(user: string): string {
  const letters = user.normalize('NFKD').replaceAll(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '');
  return letters.toUpperCase().toLowerCase().trim().replaceAll(/\s+/gu, ' ');
}
