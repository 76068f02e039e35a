/**
 * What directories take for one and the same name (RFC 4518, 2), and a little more: accents are left out, too, as Active Directory does. For
 * what may rather meet one user too many than miss a spelling of the one who is meant: whose tokens are ended, and who is guessed at.
 */
export function likeness(user: string): string {
  const letters = user.normalize('NFKD').replaceAll(/[\p{M}\p{Default_Ignorable_Code_Point}]/gu, '');
  return letters.toUpperCase().toLowerCase().trim().replaceAll(/\s+/gu, ' ');
}
