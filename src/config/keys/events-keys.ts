import { HEADER_SECRET, headerSecret } from '../readers/header-secret.ts';
import { key } from '../readers/key.ts';
import { isAllZeros, optional, replaced } from '../readers/readers.ts';

export const EVENTS_KEYS = {
  secret: key({
    about:
      'The secret that the registry sends in the `Authorization` header of its notifications (docs/notifications.md). Without it, `/events` does not exist.',
    right: HEADER_SECRET,
    read: optional(replaced(isAllZeros, headerSecret)),
    fallback: '',
    sample: '00000000000000000000000000000000',
    isSecret: true,
    isNew: true,
  }),
};
