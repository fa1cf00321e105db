import { ImageError } from '../image-error.js';
import { isDigest, type Digest } from './digest.js';

/** The name of an image as Docker shows it: without `docker.io/` and `library/`. */
export interface Reference {
  /** `busybox`, `user/app`, `registry.example:5000/app` */
  repository: string;
  tag: string | undefined;
  digest: Digest | undefined;
}

const component = '[a-z0-9]+(?:(?:\\.|_|__|-+)[a-z0-9]+)*';
const domain = '(?:[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)(?:\\.[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?)*(?::[0-9]+)?';
const repositoryPattern = new RegExp(`^(?:${domain}/)?${component}(?:/${component})*$`);
const tagPattern = /^\w[\w.-]{0,127}$/;

/**
 * `[REGISTRY/]NAME[:TAG][@DIGEST]`, in the grammar of Docker's references.
 * @throws ImageError that says which part is wrong
 */
export function parseReference(text: string): Reference {
  const at = text.indexOf('@');
  const digest = at < 0 ? undefined : text.slice(at + 1);
  const named = at < 0 ? text : text.slice(0, at);
  if (digest !== undefined && !isDigest(digest)) throw new ImageError(`"${text}": after @ there must be a digest, such as sha256:…`);
  // A colon before a slash is that of a registry's port.
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const tag = hasTag ? named.slice(colon + 1) : undefined;
  const repository = familiar(hasTag ? named.slice(0, colon) : named);
  if (!isRepository(repository)) {
    throw new ImageError(`"${text}" is not the name of an image: write NAME[:TAG], the name in lower case, such as busybox:latest`);
  }
  if (tag !== undefined && !tagPattern.test(tag)) {
    throw new ImageError(`"${text}": the tag may have up to 128 letters, digits, ".", "_" and "-", and not begin with "." or "-"`);
  }
  return { repository, tag, digest };
}

export function isRepository(text: string): boolean {
  return text.length <= 255 && text !== 'sha256' && repositoryPattern.test(text);
}

export function isTag(text: string): boolean {
  return tagPattern.test(text);
}

/** With the tag `latest` where it has neither tag nor digest; as it stands in repositories.json. */
export function formatReference({ repository, tag, digest }: Reference): string {
  // With both, the digest counts.
  if (digest !== undefined) return `${repository}@${digest}`;
  return `${repository}:${tag ?? 'latest'}`;
}

/** @throws ImageError for a digest, which is not given but computed */
export function nameToGive(written: string): string {
  const reference = parseReference(written);
  if (reference.digest !== undefined) throw new ImageError(`"${written}": a name to give has a tag, not a digest`);
  return formatReference(reference);
}

/** `docker.io/library/busybox:latest`, as containerd writes it. */
export function fullName(reference: Reference): string {
  const { repository } = reference;
  const first = repository.split('/')[0];
  const text = formatReference(reference);
  if (!repository.includes('/')) return `docker.io/library/${text}`;
  return first.includes('.') || first.includes(':') || first === 'localhost' ? text : `docker.io/${text}`;
}

function familiar(repository: string): string {
  const short = repository.replace(/^(?:index\.)?docker\.io\//, '');
  return short === repository ? repository : short.replace(/^library\//, '');
}
