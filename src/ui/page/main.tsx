import { render } from 'preact';
import { App } from './app.js';
import { Model } from './model.js';
import { Tour } from './tour.js';
import './page.css';

const mount = new Model('mount');
const tour = new Tour();
mount.onTour = ({ tour: state }) => tour.adopt(state);
mount.connect();

const root = document.getElementById('page');
if (root !== null) render(<App mount={mount} tour={tour} />, root);
