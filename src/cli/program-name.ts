export const PROGRAM = 'gitlab-registry-usage-rest';
