import { HttpError } from '../error.js';
import type { TourRequest } from '../protocol.js';

/** @throws HttpError for what is no such request */
export function parseTourRequest(body: string): TourRequest {
  const { action, lesson, step } = fieldsOf(body);
  if (action === 'end') return { action };
  if (action === 'start' && typeof lesson === 'string') return { action, lesson };
  if (action === 'step' && typeof step === 'number') return { action, step };
  throw new HttpError(400, 'the tour knows {"action":"start","lesson":…}, {"action":"step","step":…} and {"action":"end"}');
}

function fieldsOf(body: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(body);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Said below.
  }
  throw new HttpError(400, 'the request is no object of JSON');
}
