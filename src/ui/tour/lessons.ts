import type { Lesson as LessonInList } from '../protocol.js';
import { container } from './container.js';
import type { Lesson } from './lesson.js';
import { twoImages } from './two-images.js';

/** In the order that they are best taken in. */
export const lessons: readonly Lesson[] = [twoImages, container];

export function lessonList(): LessonInList[] {
  return lessons.map(({ id, title, text, steps }) => ({ id, title, text, steps: steps.length }));
}
