import { HEADER_SECRET, headerSecret } from '../readers/header-secret.ts';
import { key } from '../readers/key.ts';
import { isAllZeros, optional, replaced } from '../readers/readers.ts';

export const EVENTS_KEYS = {
  secret: key({
    about:
      'What the registry sends in the header `Authorization` of its notifications (docs/notifications.md). Without it there is no `/events`.',
    right: HEADER_SECRET,
    read: optional(replaced(isAllZeros, headerSecret)),
    fallback: '',
    sample: '00000000000000000000000000000000',
    isSecret: true,
    isNew: true,
  }),
};
