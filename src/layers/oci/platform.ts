import { ImageError } from '../image-error.js';

/** For what an image is, in Go's words (image-spec, image-index.md). */
export interface Platform {
  os: string;
  architecture: string;
  variant: string | undefined;
}

const architectures: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64', arm: 'arm', ia32: '386' };

export function platformOfThisMachine(): Platform {
  return { os: 'linux', architecture: architectures[process.arch] ?? process.arch, variant: undefined };
}

/** `linux/arm64/v8`. @throws ImageError */
export function parsePlatform(text: string): Platform {
  const [os = '', architecture = '', variant, ...rest] = text.split('/');
  if (os === '' || architecture === '' || variant === '' || rest.length > 0) {
    throw new ImageError(`"${text}" is not a platform: write OS/ARCHITECTURE[/VARIANT], such as linux/arm64`);
  }
  return { os, architecture, variant };
}

export function formatPlatform({ os, architecture, variant }: Platform): string {
  return [os, architecture, ...(variant === undefined ? [] : [variant])].join('/');
}

/** A variant counts only where one was asked for: v8 is the only one of arm64, and is often left out. */
export function fits(offered: Platform, wanted: Platform): boolean {
  return offered.os === wanted.os && offered.architecture === wanted.architecture &&
    (wanted.variant === undefined || offered.variant === wanted.variant);
}
