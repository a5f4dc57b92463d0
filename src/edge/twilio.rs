mod passes;
mod split;
