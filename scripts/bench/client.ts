import { fileURLToPath } from 'node:url';
import { command } from './command.js';

const source = fileURLToPath(new URL('./client.c', import.meta.url));

/** @throws Error of one line */
export async function compileClient(program: string): Promise<void> {
  try {
    await command('gcc', ['-O2', '-o', program, source]);
  } catch (error) {
    throw new Error(`the client cannot be compiled, which takes gcc: ${(error as Error).message}`, { cause: error });
  }
}
