// Instructions of a Dockerfile that only change how an image is run, as docker commit --change takes them.
import { ImageError } from '../image-error.js';
import { isObject, type Json, type JsonObject } from '../oci/document.js';

/**
 * An image's `config` after some instructions.
 * @throws ImageError
 */
export function changeConfig(before: Readonly<JsonObject>, instructions: readonly string[]): JsonObject {
  return instructions.reduce<JsonObject>(change, { ...before });
}

function change(config: JsonObject, instruction: string): JsonObject {
  const found = /^\s*([A-Za-z]+)\s+(\S[^]*)$/.exec(instruction);
  if (!found) throw new ImageError(`"${instruction}" is not an instruction: write INSTRUCTION VALUE, such as CMD ["/bin/sh"]`);
  const value = found[2].trim();
  switch (found[1].toUpperCase()) {
    case 'CMD': return { ...config, Cmd: command(value) };
    case 'ENTRYPOINT': return { ...config, Entrypoint: command(value) };
    case 'ENV': return { ...config, Env: withEnvironment(config['Env'], value) };
    case 'LABEL': return { ...config, Labels: { ...asObject(config['Labels']), ...Object.fromEntries([pair(value)]) } };
    case 'EXPOSE': return { ...config, ExposedPorts: { ...asObject(config['ExposedPorts']), ...Object.fromEntries(value.split(/\s+/).map((port) => [port.includes('/') ? port : `${port}/tcp`, {}])) } };
    case 'VOLUME': return { ...config, Volumes: { ...asObject(config['Volumes']), ...Object.fromEntries((jsonList(value) ?? value.split(/\s+/)).map((place) => [place, {}])) } };
    case 'USER': return { ...config, User: value };
    case 'WORKDIR': return { ...config, WorkingDir: value };
    case 'STOPSIGNAL': return { ...config, StopSignal: value };
    default: throw new ImageError(`"${instruction}": there are CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME and WORKDIR`);
  }
}

/** A list is run as it is, anything else by a shell. */
function command(value: string): string[] {
  return jsonList(value) ?? ['/bin/sh', '-c', value];
}

function jsonList(value: string): string[] | undefined {
  if (!value.startsWith('[')) return undefined;
  try {
    const list = JSON.parse(value) as Json;
    if (Array.isArray(list) && list.every((item) => typeof item === 'string')) return list;
  } catch {
    // Told below.
  }
  throw new ImageError(`${value} is not a list of strings: write ["…", "…"]`);
}

function pair(value: string): [string, string] {
  const found = /^([^=\s]+)(?:=|\s+)([^]*)$/.exec(value);
  if (!found) throw new ImageError(`"${value}" has no value: write NAME=VALUE`);
  return [found[1], found[2].replace(/^"([^]*)"$/, '$1')];
}

function withEnvironment(before: Json | undefined, value: string): Json[] {
  const [name, content] = pair(value);
  const others = Array.isArray(before) ? before.filter((item) => typeof item !== 'string' || !item.startsWith(`${name}=`)) : [];
  return [...others, `${name}=${content}`];
}

function asObject(value: Json | undefined): JsonObject {
  return isObject(value) ? value : {};
}
