/** What is wrong with an image, an archive or a store, or with what was asked of it; one line that a user can act upon. */
export class ImageError extends Error {
  override readonly name = 'ImageError';
}
