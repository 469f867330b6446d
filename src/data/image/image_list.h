/* The image formats that are read, most frequent first: one file and one row each. */
ATH_IMAGE_KIND(jpeg)
ATH_IMAGE_KIND(png)
ATH_IMAGE_KIND(pnm)
