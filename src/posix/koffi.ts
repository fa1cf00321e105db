/**
 * koffi, from here only: in the packed file this is replaced by the copy in dist/vendor (scripts/package/vendor.ts), as what
 * koffi brings along for a machine is an optional dependency of it, and compiled where npm leaves those out.
 */
export { default } from 'koffi';
