"""From event recordings to spikes: readers, one file per data set; binning, augmentation, splits and the loader."""
