// Reading JSON that others wrote: every value is looked at before it is used, and what is wrong is said by its place.
import { ImageError } from '../image-error.js';

export type Json = null | boolean | number | string | Json[] | JsonObject;
export interface JsonObject { [key: string]: Json | undefined }

/** A JSON document's object, or one inside of it, which knows where it stands for error lines. */
export class Document {
  readonly #value: JsonObject;
  readonly #where: string;

  private constructor(value: JsonObject, where: string) {
    this.#value = value;
    this.#where = where;
  }

  /** @throws ImageError where the text is no JSON, or no object */
  static parse(text: string | Uint8Array, where: string): Document {
    const value = parseJson(text, where);
    if (!isObject(value)) throw new ImageError(`${where} is not a JSON object`);
    return new Document(value, where);
  }

  /** The objects of a list that a document consists of. */
  static parseList(text: string | Uint8Array, where: string): Document[] {
    const value = parseJson(text, where);
    if (!Array.isArray(value)) throw new ImageError(`${where} is not a JSON list`);
    return value.map((item, index) => {
      if (!isObject(item)) throw new ImageError(`${where}: item ${index} is not an object`);
      return new Document(item, `${where}: item ${index}`);
    });
  }

  /** As it stands there. */
  get value(): Readonly<JsonObject> {
    return this.#value;
  }

  get where(): string {
    return this.#where;
  }

  keys(): string[] {
    return Object.keys(this.#value);
  }

  string(key: string): string {
    return this.optionalString(key) ?? this.#fail(key, 'is missing');
  }

  /** Undefined where it is missing, null or empty: Docker's programs write the zero value for what is not there. */
  optionalString(key: string): string | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null || value === '') return undefined;
    return typeof value === 'string' ? value : this.#fail(key, 'is not a string');
  }

  optionalNumber(key: string): number | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null) return undefined;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.#fail(key, 'is not a number');
  }

  boolean(key: string): boolean {
    const value = this.#get(key);
    if (value === undefined || value === null) return false;
    return typeof value === 'boolean' ? value : this.#fail(key, 'is neither true nor false');
  }

  /** Empty where it is missing or null. */
  strings(key: string): string[] {
    return this.#list(key).map((item) => typeof item === 'string' ? item : this.#fail(key, 'is not a list of strings'));
  }

  objects(key: string): Document[] {
    return this.#list(key).map((item, index) =>
      isObject(item) ? new Document(item, `${this.#where}: ${key}[${index}]`) : this.#fail(key, 'is not a list of objects'));
  }

  object(key: string): Document {
    return this.optionalObject(key) ?? this.#fail(key, 'is missing');
  }

  optionalObject(key: string): Document | undefined {
    const value = this.#get(key);
    if (value === undefined || value === null) return undefined;
    return isObject(value) ? new Document(value, `${this.#where}: ${key}`) : this.#fail(key, 'is not an object');
  }

  /** An object whose values are strings. */
  stringMap(key: string): Map<string, string> {
    const map = this.optionalObject(key);
    return new Map((map?.keys() ?? []).map((name) => [name, map?.optionalString(name) ?? '']));
  }

  #get(key: string): Json | undefined {
    return Object.hasOwn(this.#value, key) ? this.#value[key] : undefined;
  }

  #list(key: string): Json[] {
    const value = this.#get(key);
    if (value === undefined || value === null) return [];
    return Array.isArray(value) ? value : this.#fail(key, 'is not a list');
  }

  #fail(key: string, why: string): never {
    throw new ImageError(`${this.#where}: "${key}" ${why}`);
  }
}

export function parseJson(text: string | Uint8Array, where: string): Json {
  try {
    return JSON.parse(typeof text === 'string' ? text : new TextDecoder().decode(text)) as Json;
  } catch {
    throw new ImageError(`${where} is not valid JSON`);
  }
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
