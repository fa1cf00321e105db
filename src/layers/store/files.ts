// The small files that a store consists of.
import { closeSync, fsyncSync, openSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { ImageError } from '../image-error.js';

/** 64 hexadecimal digits, as Docker names layers and containers; `-init` may follow. */
export const idPattern = /^[0-9a-f]{64}(?:-init)?$/;

export function randomId(): string {
  return randomBytes(32).toString('hex');
}

/** The text without white space around it; undefined where there is no such file. */
export function readText(file: string): string | undefined {
  return readBytes(file)?.toString('utf8').trim();
}

/** @throws ImageError where it is there and cannot be read */
export function readBytes(file: string): Buffer | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (isMissing(error)) return undefined;
    throw new ImageError(`${file} cannot be read: ${reason(error)}`);
  }
}

/** The names in a directory, in order; none where it is missing. */
export function readNames(directory: string): string[] {
  try {
    return readdirSync(directory).sort();
  } catch (error) {
    if (isMissing(error)) return [];
    throw new ImageError(`${directory} cannot be read: ${reason(error)}`);
  }
}

/** Replaces a file as a whole: a reader, and a crash, find the old content or the new one. */
export function writeWhole(file: string, content: string | Uint8Array, mode: number): void {
  const temporary = `${file}.${randomBytes(6).toString('hex')}.tmp`;
  try {
    const fd = openSync(temporary, 'wx', mode);
    try {
      writeFileSync(fd, content);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, file);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw new ImageError(`${file} cannot be written: ${reason(error)}`);
  }
}

export function isMissing(error: unknown): boolean {
  const code = (error as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}

/** The system's words: Node puts the code before them, and the call and the path, which our lines name themselves, after. */
export function reason(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /^[A-Z][A-Z0-9]+: ([^,]+),/.exec(text)?.[1] ?? text;
}
